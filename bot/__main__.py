"""The command line: `aftercart`, or `python -m bot`. Start reading at the command in `commands`."""

import typer

from bot.commands import (
    aside,
    audience_reports,
    backups,
    broadcasts,
    checking,
    contacts,
    coupons,
    experiment_report,
    feedback_reports,
    flows,
    importing,
    mails,
    privacy,
    reports,
    running,
    segments,
    setting_up,
    shops,
    sla_report,
    templates,
)

cli = typer.Typer(
    name="aftercart",
    help="Customer service and triggered mail for an online shop, in one process.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

cli.command()(setting_up.init)
cli.command()(running.demo)
cli.command()(running.run)
cli.command()(checking.check)
cli.command()(setting_up.migrate)
cli.command()(backups.backup)
cli.command()(backups.restore)
cli.add_typer(backups.held_cli, name="held")
cli.command("import")(importing.import_file)
cli.add_typer(shops.cli, name="shop")
cli.add_typer(flows.cli, name="flow")
cli.add_typer(segments.cli, name="segment")
cli.add_typer(broadcasts.cli, name="broadcast")
cli.add_typer(templates.cli, name="template")
cli.add_typer(coupons.cli, name="coupon")
reports.cli.command("rfm")(audience_reports.rfm)
reports.cli.command("sla")(sla_report.sla)
reports.cli.command("ratings")(feedback_reports.ratings)
reports.cli.command("surveys")(feedback_reports.surveys)
reports.cli.command("improvements")(feedback_reports.improvements)
reports.cli.command("experiments")(experiment_report.experiments)
cli.add_typer(contacts.cli, name="contact")
cli.add_typer(privacy.cli, name="privacy")
cli.add_typer(mails.cli, name="mail")
cli.add_typer(aside.events, name="events")
cli.add_typer(aside.webhooks, name="webhooks")
cli.add_typer(reports.cli, name="report")


def main() -> None:
    cli()


if __name__ == "__main__":
    main()
