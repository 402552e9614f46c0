"""The guide that every vault carries, so that a point can be restored by hand, without this software."""

RESTORE_GUIDE = """\
# Restoring a recovery point by hand

Everything here needs only PostgreSQL's own tools, `jq`, `sha256sum`, `zstd` and, for encrypted points, `age`.
Keys below are relative to the folder (or bucket prefix) that holds this file.

1. **Choose a point.** Each folder `APPLICATION/points/ID/` with a `manifest.json` is one; a folder without is an unfinished
   backup, not a point. `APPLICATION/points/ID/drills/*.json` are the verdicts of its drills; `distrust.json` means that a
   person has found bad data in it.

       cd APPLICATION/points/ID
       jq -r '.body | .id, .created, .database.server_version, .dump.key' manifest.json

2. **Check the manifest.** Both lines must print the same hash:

       jq -r .sha256 manifest.json
       jq -cS .body manifest.json | tr -d '\\n' | sha256sum

3. **Check the stored bytes** (from the vault's root). It must say OK; if not, take another point:

       jq -r '.body.dump | "\\(.sha256)  \\(.key)"' APPLICATION/points/ID/manifest.json | sha256sum --check

4. **Unpack.** `.body.dump.encodings` says what was applied; undo it from the last to the first. For a key that ends in
   `.zst.age`:

       age --decrypt --identity KEYFILE database.dump.zst.age | zstd --decompress > database.dump

   and for one that ends in `.zst`:

       zstd --decompress --stdout database.dump.zst > database.dump

   Then compare with `.body.dump.content_sha256`: `sha256sum database.dump`.

5. **Roles.** Unpack `.body.globals.key` in the same way and read it before running it: it makes the roles of the whole
   server. On an empty server: `psql -X -d postgres -f globals.sql`. Passwords are not in it unless the backup was told so.

6. **An empty database**, never the live one. Encoding and locale stand in `.body.shape`:

       createdb --template=template0 --encoding=UTF8 --lc-collate=C.UTF-8 --lc-ctype=C.UTF-8 NAME_restored

7. **Restore**, with the pg_restore of the major version in `.body.database.major`, and expect no error and exit code 0:

       pg_restore --dbname=NAME_restored --jobs=2 --exit-on-error database.dump
       vacuumdb --analyze-only NAME_restored

8. **Compare** the rows of every table before trusting it:

       jq -r '.body.tables[] | "\\(.rows)\\t\\(.table)"' manifest.json

9. **Properties of the database** that a dump does not carry stand in the manifest: owner, grants, settings, connection limit,
   comment.

       jq '.body.catalog[] | select(.kind == "database properties") | .properties' manifest.json

10. Only then rename: the live database away, the restored one to its name, in one transaction.

Not in a recovery point: `jq -r '.body.not_included[]' manifest.json`.
"""
