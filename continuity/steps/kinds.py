"""The table of all kinds of steps that a plan may name."""

from collections.abc import Mapping

from continuity.steps.agreement import COMPARE_MEDIA
from continuity.steps.application_tests import run_in_cluster, running_tests
from continuity.steps.building import BUILD_IMAGE
from continuity.steps.configuration import SET_THE_CONFIGURATION
from continuity.steps.constraints import PUT_CONSTRAINT_IN, TAKE_CONSTRAINT_OUT
from continuity.steps.discarding import DISCARD
from continuity.steps.discarding_aside import DISCARD_ASIDE
from continuity.steps.error_rate import WATCH_ERRORS
from continuity.steps.fallback import WRITE_THE_FALLBACK
from continuity.steps.feature import RESTART_WORKLOAD, SEE_WHO_HAS_IT, SET_FLAG
from continuity.steps.fencing import FENCE_OLD_PRIMARY, PROBE_A_WRITE
from continuity.steps.given_out import BUMP_THE_SEQUENCES, REVOKE_THE_SESSIONS
from continuity.steps.health import CHECK_HEALTH
from continuity.steps.infrastructure import APPLY, PLAN, READ
from continuity.steps.live import COMPARE_QUERY_TIMES, JudgeLive, validating_live
from continuity.steps.manifests import APPLY_WAVE
from continuity.steps.media import ACCOUNT_FOR_MEDIA, ROLL_BACK_MEDIA, TAKE_MEDIA_BACK
from continuity.steps.media_return import BRING_BACK
from continuity.steps.meeting import MEET_THE_CLUSTER, MEET_THE_SERVER
from continuity.steps.naming import CLEAR_REHEARSAL, GIVE_THE_NAME
from continuity.steps.pods import GATHER_PODS
from continuity.steps.pooling import OPEN_POOLER
from continuity.steps.quarantine import PUT_SCHEMA_BACK, QUARANTINE_SCHEMA
from continuity.steps.rehearsed import CHECK_THE_REPLICA, CLEAR_THE_NAMESPACE, MAKE_THE_NAMESPACE
from continuity.steps.release import PULL_IMAGE, SET_THE_FLAGS, SET_THE_RELEASE
from continuity.steps.reverting import COMMIT_REVERT
from continuity.steps.roles import RESTORE_ROLES
from continuity.steps.scaling import SCALE_WORKLOAD
from continuity.steps.shadow import RESTORE_SHADOW, Judge, judging
from continuity.steps.shifting import SHIFT_TRAFFIC
from continuity.steps.step import Step
from continuity.steps.swapping import SWAP
from continuity.steps.traffic import (
    CLOSE_DATABASE,
    END_SESSIONS,
    OPEN_DATABASE,
    PAUSE_SCALERS,
    PIN_SCALERS,
    RESUME_SCALERS,
    START_WORKLOAD,
    STOP_WORKLOAD,
    UNPIN_SCALERS,
    WAIT_FOR_ROLLOUT,
    WAIT_FOR_SESSIONS,
)

KINDS = (
    COMMIT_REVERT,
    BUILD_IMAGE,
    PULL_IMAGE,
    PAUSE_SCALERS,
    STOP_WORKLOAD,
    WAIT_FOR_SESSIONS,
    END_SESSIONS,
    CLOSE_DATABASE,
    MEET_THE_SERVER,
    MEET_THE_CLUSTER,
    RESTORE_ROLES,
    RESTORE_SHADOW,
    BUMP_THE_SEQUENCES,
    REVOKE_THE_SESSIONS,
    GIVE_THE_NAME,
    WRITE_THE_FALLBACK,
    PROBE_A_WRITE,
    FENCE_OLD_PRIMARY,
    CLEAR_REHEARSAL,
    MAKE_THE_NAMESPACE,
    CLEAR_THE_NAMESPACE,
    CHECK_THE_REPLICA,
    SET_THE_CONFIGURATION,
    SET_THE_RELEASE,
    PIN_SCALERS,
    UNPIN_SCALERS,
    SCALE_WORKLOAD,
    SET_THE_FLAGS,
    SET_FLAG,
    RESTART_WORKLOAD,
    SEE_WHO_HAS_IT,
    SWAP,
    OPEN_POOLER,
    QUARANTINE_SCHEMA,
    PUT_SCHEMA_BACK,
    TAKE_CONSTRAINT_OUT,
    PUT_CONSTRAINT_IN,
    DISCARD,
    DISCARD_ASIDE,
    OPEN_DATABASE,
    START_WORKLOAD,
    WAIT_FOR_ROLLOUT,
    RESUME_SCALERS,
    CHECK_HEALTH,
    ROLL_BACK_MEDIA,
    TAKE_MEDIA_BACK,
    ACCOUNT_FOR_MEDIA,
    COMPARE_MEDIA,
    GATHER_PODS,
    COMPARE_QUERY_TIMES,
    WATCH_ERRORS,
    APPLY_WAVE,
    SHIFT_TRAFFIC,
    PLAN,
    APPLY,
    READ,
    BRING_BACK,
)


def kinds_of_steps(judge: Judge, judge_live: JudgeLive) -> Mapping[str, Step]:
    """Return every kind by its name; `judge` is what judges a restored database, `judge_live` a live one."""
    judging_steps = (judging(judge), validating_live(judge_live), running_tests(run_in_cluster))
    return {step.kind: step for step in (*KINDS, *judging_steps)}
