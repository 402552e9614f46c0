"""Operations as Prefect tasks."""
