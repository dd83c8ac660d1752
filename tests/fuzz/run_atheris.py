"""Search for inputs that break a parser, led by coverage.

A tool for whoever works on a parser, not a part of the suite. It needs `pip install atheris`. Each parser runs in a
process of its own, one after the other; what breaks it is kept in the folder that is printed.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

_ONE = "--one"
_WATCHED = {
    "segment": ["bot.inbound.web.segment_calls", "bot.events.names"],
    "shopify": ["bot.shops.shopify", "bot.shops.lines"],
    "woocommerce": ["bot.shops.woocommerce", "bot.shops.lines"], "csv": ["bot.inbound.files"],
    "mail": ["bot.inbound.mailbox"], "mail_text": ["bot.inbound.mailbox.quotes"], "html": ["bot.inbound.mailbox"],
    "config": ["bot.base.config"], "flow": ["automations.definition"], "audience": ["automations.audiences"],
    "broadcast": ["automations.broadcasts"], "mail_template": ["bot.outbound.email", "bot.base.render_code"],
    "chat_template": ["bot.outbound.chat_templates"], "jinja": ["bot.base", "jinja2"],
    "telegram": ["bot.inbound.telegram"], "token": ["bot.base.ids", "bot.outbound.email.tracking"],
    "form": ["bot.inbound.web.forms", "starlette.formparsers"],
}  # fmt: skip
"""The modules whose branches lead the search; to watch all of them would take longer than to search."""


def main() -> int:
    try:
        import atheris  # noqa: F401
    except ImportError:
        print("atheris is not installed here: pip install atheris")
        return 0
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("parsers", nargs="*")
    asked.add_argument("--seconds", type=int, default=60, help="of each parser")
    asked.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()) / "fuzz-found")
    given = asked.parse_args()
    return max([_searched(name, given.seconds, given.keep) for name in given.parsers or _names()], default=0)


def _names() -> list[str]:
    return list(_WATCHED)


def _searched(name: str, seconds: int, keep: Path) -> int:
    corpus = keep / name
    corpus.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, __file__, _ONE, name, f"-max_total_time={seconds}", "-max_len=4096", "-timeout=20",
               "-rss_limit_mb=2048", "-print_final_stats=1", f"-artifact_prefix={corpus}-", str(corpus)]  # fmt: skip
    ran = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    count = re.search(r"stat::number_of_executed_units:\s*(\d+)", ran.stderr)
    done = int(count[1]) if count else 0
    print(f"{name}: {done:,} executions in {seconds} s, {'broken' if ran.returncode else 'nothing found'}", flush=True)
    if ran.returncode:
        print("\n".join((ran.stdout + ran.stderr).splitlines()[-60:]), flush=True)
    return int(ran.returncode != 0)


def _one(name: str) -> None:
    import atheris

    sys.path.insert(0, str(Path(__file__).parent))
    with atheris.instrument_imports(include=[*_WATCHED[name], "email", "html"]):
        import parsers
    corpus = Path(sys.argv[-1])
    for number, seed in enumerate(parsers.seeds(name)):
        (corpus / f"seed{number}").write_bytes(seed)
    atheris.Setup([sys.argv[0], *sys.argv[3:]], parsers.PARSERS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    if sys.argv[1:2] == [_ONE]:
        _one(sys.argv[2])
    else:
        sys.exit(main())
