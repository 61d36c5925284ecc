"""What the hypothesis state machines have in common: they count what happened, and are run alike."""

from collections import Counter

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test


class Machine(RuleBasedStateMachine):
    """Counts its steps and each kind of answer, over all examples of a run."""

    steps = 0
    answers: Counter[str] = Counter()


def run(
    machine: type[Machine],
    examples: int,
    steps: int,
    *,
    derandomize: bool = True,
    phases: tuple[Phase, ...] = tuple(Phase),
) -> None:
    """At most so many steps an example. Always the same ones if `derandomize`."""
    machine.steps, machine.answers = 0, Counter()
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            derandomize=derandomize,
            print_blob=True,
            phases=phases,
            suppress_health_check=list(HealthCheck),
        ),
    )
