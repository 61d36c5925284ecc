"""What the hypothesis state machines have in common: they count answers, and run() runs them."""

from collections import Counter

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test


class Machine(RuleBasedStateMachine):
    """A state machine that counts its steps and each kind of answer, over all examples of a run."""

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
    """Runs a machine: at most `steps` steps for each example, always the same ones if `derandomize`."""
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
