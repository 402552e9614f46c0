"""Where well-known migration tools note how far a database has come."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class MigrationTable:
    """A tool's table, known by its name and columns; `head` is SQL with {table} in the place of its quoted name."""

    tools: str
    table: str
    columns: tuple[str, ...]
    head: str


KNOWN = (
    MigrationTable(
        tools="AdonisJS",
        table="adonis_schema",
        columns=("id", "name"),
        head="select name from {table} order by id desc limit 1",
    ),
    MigrationTable(
        tools="Django",
        table="django_migrations",
        columns=("id", "app", "name"),
        head="select app || '.' || name from {table} order by id desc limit 1",
    ),
    MigrationTable(
        tools="Alembic",
        table="alembic_version",
        columns=("version_num",),
        head="select string_agg(version_num, ', ' order by version_num) from {table}",
    ),
    MigrationTable(
        tools="Rails, Ecto, golang-migrate or dbmate",
        table="schema_migrations",
        columns=("version",),
        head="select max(version)::text from {table}",
    ),
    MigrationTable(
        tools="Flyway",
        table="flyway_schema_history",
        columns=("version", "success", "installed_rank"),
        head="select version from {table} where success and version is not null order by installed_rank desc limit 1",
    ),
    MigrationTable(
        tools="Liquibase",
        table="databasechangelog",
        columns=("id", "orderexecuted"),
        head="select id from {table} order by orderexecuted desc limit 1",
    ),
    MigrationTable(
        tools="Knex",
        table="knex_migrations",
        columns=("id", "name"),
        head="select name from {table} order by id desc limit 1",
    ),
    MigrationTable(
        tools="Prisma",
        table="_prisma_migrations",
        columns=("migration_name", "finished_at"),
        head="select migration_name from {table} where finished_at is not null order by finished_at desc limit 1",
    ),
    MigrationTable(
        tools="Sequelize",
        table="SequelizeMeta",
        columns=("name",),
        head="select max(name) from {table}",
    ),
    MigrationTable(
        tools="Entity Framework",
        table="__EFMigrationsHistory",
        columns=("MigrationId",),
        head='select max("MigrationId") from {table}',
    ),
    MigrationTable(
        tools="SQLx",
        table="_sqlx_migrations",
        columns=("version", "success"),
        head="select max(version)::text from {table} where success",
    ),
    MigrationTable(
        tools="goose",
        table="goose_db_version",
        columns=("id", "version_id", "is_applied"),
        head="select version_id::text from {table} where is_applied order by id desc limit 1",
    ),
    MigrationTable(
        tools="node-pg-migrate",
        table="pgmigrations",
        columns=("id", "name"),
        head="select name from {table} order by id desc limit 1",
    ),
    MigrationTable(
        tools="Doctrine",
        table="doctrine_migration_versions",
        columns=("version", "executed_at"),
        head="select version from {table} order by executed_at desc nulls last limit 1",
    ),
    MigrationTable(
        tools="Laravel",
        table="migrations",
        columns=("id", "migration", "batch"),
        head="select migration from {table} order by id desc limit 1",
    ),
    MigrationTable(
        tools="TypeORM",
        table="migrations",
        columns=("id", "timestamp", "name"),
        head="select name from {table} order by id desc limit 1",
    ),
)
