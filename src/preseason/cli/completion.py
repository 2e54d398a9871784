"""`preseason completion SHELL`."""

import click

from preseason.cli.verbs import Outcome, verb

SHELLS = ("bash", "zsh", "fish")
PLACES = {
    "bash": "preseason completion bash >> ~/.bashrc",
    "zsh": "preseason completion zsh >> ~/.zshrc",
    "fish": "preseason completion fish > ~/.config/fish/completions/preseason.fish",
}


@verb("completion")
@click.argument("shell", type=click.Choice(SHELLS))
def completion(*, shell: str, quiet: bool) -> Outcome:
    """Print what makes a shell complete verbs and options.

    bash: preseason completion bash >> ~/.bashrc. zsh: the same with ~/.zshrc. fish: preseason completion fish
    > ~/.config/fish/completions/preseason.fish. Then open a new terminal.
    """
    from click.shell_completion import ShellComplete, get_completion_class

    from preseason.cli.main import program

    kind = get_completion_class(shell)
    assert kind is not None
    # The base class's way: that of bash runs bash first to ask for its version, and here may be none.
    script = ShellComplete.source(kind(program, {}, "preseason", "_PRESEASON_COMPLETE"))
    return Outcome({"shell": shell, "script": script, "install": PLACES[shell]}, script.rstrip("\n"))
