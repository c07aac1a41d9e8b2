"""Where each promise of safety is shown: the checks S01 to S45, the uploads U01 to U07, the drill B1, B2, B5 to B7.

A code of the client's list, the module and the test that fails when it is broken. What waits for a later page is named.
"""

import re
from pathlib import Path

import pytest

from dashboard.app import create_app
from dashboard.context import Context
from tests.people import DOOR

SHOWN = {
    "S01 S02 S03 S04": "door session_that_is_none_reaches_nothing",
    "S05 S07 S10": "door every_page_callback_and_export_answers_as_the_table_says",
    "S06": "promises no_other_way_in_is_open",
    "S09 S12": "people_pages a_button_that_was_never_offered_does_nothing_and_is_written_down",
    "S11": "door a_role_taken_away_and_a_closed_account_act_at_the_next_request",
    "S13 S14": "door signing_in_gives_a_session_of_its_own_and_signing_out_ends_it",
    "S15": "door a_secret_that_could_be_guessed_signs_nothing",
    "S16": "signing_in five_wrong_passwords_close_the_way_for_that_account_from_there_only",
    "S17": "signing_in an_account_that_is_not_there_answers_like_one_that_is_and_as_slowly",
    "S18": "sessions a_session_ends_after_an_hour_without_use_and_after_twelve",
    "S19": "passwords a_password_that_is_short_or_guessed_is_refused",
    "S20": "passwords the_table_holds_argon2id_hashes_and_sha256_of_sessions_only",
    "S21": "own_account_page one_ends_one_s_own_sessions_and_nobody_else_s",
    "S22 S23": "door a_callback_from_another_site_is_refused",
    "S24": "door a_callback_of_another_type_is_refused",
    "S25": "door a_body_that_is_no_callback_is_refused_and_never_fails",
    "S26": "door a_body_larger_than_a_callback_needs_is_refused",
    "S27": "door a_body_of_unknown_length_is_refused",
    "S28": "door every_answer_bears_the_security_headers",
    "S29": "door a_request_that_names_another_host_is_refused",
    "S30": "export a_cell_is_written_as_a_spreadsheet_in_spanish_reads_it",
    "S31": "query a_question_without_an_answer_is_refused",
    "S32": "browser_people markup_in_a_name_is_text_everywhere",
    "S33 S37": "door a_path_that_leads_nowhere_is_never_a_failure",
    "S34": "warehouse a_reader_reaches_nothing_else_and_changes_nothing",
    "S35 U06": "uploads_over_http every_awful_file_is_refused_with_its_reason_and_harms_nobody",
    "S36": "server a_failure_is_told_with_a_mark_and_without_a_stack",
    "S38": "door files_asked_for_again_and_again_are_refused_for_a_minute",
    "S39": "canaries no_caller_is_in_the_logs_nor_in_the_records",
    "S40": "floors a_library_is_not_older_than_what_it_must_be",
    "S41": "supervisor one_port_is_open_and_no_other_way_in",
    "S42": "supervisor what_runs_is_closed_to_other_users",
    "S43": "audit_trail each_act_leaves_one_entry_with_everything_that_is_asked_of_it",
    "S44": "audit without_room_for_its_entry_an_act_fails",
    "S45": "audit_page the_audit_is_read_by_chief_and_quality_only",
    "U01": "uploads_over_http a_name_is_only_ever_shown",
    "U02": "uploads_over_http what_is_no_file_is_refused",
    "U03": "uploads_over_http a_file_above_the_limit_is_refused_before_it_is_decoded",
    "U04": "uploads ten_files_sent_at_once_are_taken_and_one_after_another_is_checked",
    "U05": "uploads the_same_bytes_sent_by_two_in_the_same_moment_are_taken_once",
    "U07": "uploads an_account_sends_50_files_a_day_refused_ones_too",
    "B1": "backup no_backup_misses_a_row_that_was_acknowledged_before_it_began",
    "B2": "restore a_backup_half_copied_or_damaged_in_any_file_is_not_restored",
    "B5": "restore from_backup_and_key_alone_the_whole_store_comes_back",
    "B6": "restore another_key_a_damaged_one_or_none_restores_nothing",
    "B7": "undo any_load_undone_leaves_what_the_others_alone_would_have_given",
}
#: What is not shown yet, and why.
LATER = {"S08": "rows of one's own that another person's state could name come with the operators' form"}
#: What is shown otherwise than the list has it, or not all of it, and why.
OTHERWISE = {
    "S36": "the 500 of a callback bears its mark in the notice that the page shows, for Dash draws nothing else of it; "
    "that of any other request is {error, id} (server a_request_that_fails_is_answered_by_a_mark_in_json)",
    "S40": "tests ask no network: that no release of the lock has a known hole is not shown, only the floors under it",
    "U04": "that the form answers within 500 ms meanwhile is not measured: the form itself comes later",
}
PROMISED = {f"S{number:02}" for number in range(1, 46)} | {f"U{number:02}" for number in range(1, 8)}


def test_every_promise_is_shown_somewhere_or_named_as_still_to_come() -> None:
    shown = [code for codes in SHOWN for code in codes.split()]
    assert len(shown) == len(set(shown))
    assert {code for code in shown if code[0] in "SU"} | LATER.keys() == PROMISED
    assert not LATER.keys() & set(shown) and OTHERWISE.keys() <= set(shown)


@pytest.mark.parametrize(("codes", "where"), SHOWN.items())
def test_what_shows_a_promise_is_there(codes: str, where: str) -> None:
    module, name = where.split()
    text = (Path(__file__).parent / f"test_{module}.py").read_text(encoding="utf-8")
    assert re.search(rf"^def test_(a_)?{name}\(", text, re.MULTILINE), codes


def test_no_other_way_in_is_open(store_context: Context) -> None:
    """S06: no endpoint of a callback's own, no MCP, no websocket, nothing that runs in the background."""
    app = create_app(store_context, DOOR)
    own = {"/login", "/logout", "/password", "/healthz", "/archivos/<int:number>"}
    of_dash = {"/assets/<path:filename>", "/", "/<path:path>", "/_dash-layout", "/_dash-dependencies"}
    rules = {rule.rule for rule in app.server.url_map.iter_rules()}
    assert own <= rules and not [rule for rule in rules if "mcp" in rule or "ws" in rule or "api" in rule]
    assert {rule for rule in rules - own - of_dash if not rule.startswith(("/_", "/assets"))} == set()
    assert not [name for name, found in app.callback_map.items() if found.get("background") or found.get("manager")]


def test_workbooks_are_read_by_the_parser_that_refuses_entities() -> None:
    import openpyxl.xml.functions

    assert not openpyxl.xml.LXML
    assert openpyxl.xml.functions.fromstring.__module__.startswith("defusedxml")
