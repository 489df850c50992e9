#!/usr/bin/env python3
"""Judges Autobahn|Testsuite's reports. Exits 1 unless every case is there and is as it must be.

The suite itself ends with 0 whatever the cases came to, and also when it ran none.
"""

import argparse
import json
import sys
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPORTS = HERE.parent / "target/autobahn/reports"
VERDICTS = ["OK", "INFORMATIONAL", "NON-STRICT", "FAILED"]


def main():
    args = parse_args()
    expected = json.loads((HERE / "expected.json").read_text())
    groups = {
        number: group
        for number, group in expected["groups"].items()
        if int(number) <= args.max_group
    }
    text = f"# {args.title}\n"
    complaints = []
    for role in args.roles:
        cases = read_cases(args.reports / role)
        text += f"\n## {role.capitalize()}\n\n{table(cases, groups)}"
        complaints += [
            f"{role}: {complaint}"
            for complaint in [
                *wrong_counts(cases, groups, args.selection),
                *offences(cases, expected["informational"], args.reports / role),
            ]
        ]
    if complaints:
        text += "\n## Not as it must be\n\n" + "".join(f"- {line}\n" for line in complaints)
    print(text)
    if args.write:
        args.write.write_text(text)
    sys.exit(1 if complaints else 0)


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("roles", nargs="+", choices=["server", "client"])
    parser.add_argument("--selection", choices=["short", "full"], default="short")
    parser.add_argument("--max-group", type=int, default=13)
    parser.add_argument("--write", type=Path, metavar="FILE", help="the Markdown, also to a file")
    parser.add_argument("--title", default="Autobahn|Testsuite results", help="the heading")
    parser.add_argument("--reports", type=Path, default=REPORTS, help="holds ROLE/index.json")
    return parser.parse_args()


def read_cases(reports):
    """The results of one role by case number; none if the run broke off before the reports."""
    index = reports / "index.json"
    agents = json.loads(index.read_text()) if index.exists() else {}
    if len(agents) > 1:
        sys.exit(f"{index} has results of several agents: {', '.join(agents)}")
    return next(iter(agents.values()), {})


def group_of(case):
    return case.split(".")[0]


def table(cases, groups):
    """A Markdown table with one line for each group, expected or found, and one for the sum."""
    titles = {number: group["title"] for number, group in groups.items()}
    for case in cases:
        titles.setdefault(group_of(case), "not expected")
    columns = [*VERDICTS, "other"]
    header = ["Group", "Cases", *columns, *(f"close: {column}" for column in columns)]
    lines = [header, ["---"] + ["--:"] * (len(header) - 1)]
    for number, title in sorted(titles.items(), key=lambda item: int(item[0])):
        found = [result for case, result in cases.items() if group_of(case) == number]
        lines.append([f"{number} {title}", *counts(found)])
    lines.append(["All", *counts(cases.values())])
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)


def counts(results):
    """The number of cases, then of each verdict on the behaviour, then on the closing."""
    row = [len(results)]
    for key in ["behavior", "behaviorClose"]:
        verdicts = Counter(result[key] for result in results)
        known = [verdicts[verdict] for verdict in VERDICTS]
        row += [*known, len(results) - sum(known)]
    return row


def wrong_counts(cases, groups, selection):
    found = Counter(map(group_of, cases))
    wanted = Counter({number: group[selection] for number, group in groups.items()})
    for number in sorted(found | wanted, key=int):
        if found[number] != wanted[number]:
            yield f"group {number} has {found[number]} cases instead of {wanted[number]}"


def offences(cases, informational, reports):
    for case, result in sorted(cases.items(), key=lambda item: [*map(int, item[0].split("."))]):
        accepted = {"OK", "INFORMATIONAL"} if case in informational else {"OK"}
        verdicts = result["behavior"], result["behaviorClose"]
        if not accepted.issuperset(verdicts):
            report = (reports / result["reportfile"]).resolve()
            if report.is_relative_to(HERE.parent):
                report = report.relative_to(HERE.parent)
            yield f"{case}: {verdicts[0]}, closing {verdicts[1]} ({report})"


main()
