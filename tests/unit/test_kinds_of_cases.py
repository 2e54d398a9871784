"""Every kind of thing that people really feed such tools is named by a test.

The numbers are those of a list of kinds gathered from public threads: P1 to P41.
"""

import re
from pathlib import Path

import pytest

PUBLIC = "integration/test_public_cases.py"
SURROUNDINGS = "unit/test_surroundings.py"
KINDS = {
    1: ("a label is a path", PUBLIC, "a_label_that_is_a_path"),
    2: ("parts taken for classes", PUBLIC, "splits_beside_other_folders"),
    3: ("a wrapper folder", PUBLIC, "a_wrapper_folder"),
    4: ("pictures that show nothing", PUBLIC, "pictures_of_one_colour"),
    5: ("names that are no UTF-8", PUBLIC, "names_that_are_no_text"),
    6: (
        "a column means something else",
        "unit/test_table_columns.py",
        "test_a_column_is_a_split_where_its_values_are",
    ),
    7: ("none is a label", "unit/test_table_columns.py", "test_words_are_labels_and_told_once"),
    8: (
        "numbers as labels",
        "unit/test_spellings.py",
        "test_what_is_written_almost_the_same_is_one_class",
    ),
    9: ("several labels a cell", "unit/test_table_columns.py", "test_several_labels_in_a_cell_are_refused"),
    10: ("where a file is", "unit/test_table_columns.py", "test_files_are_found_by_the_end_of_their_path"),
    11: (
        "which column is it",
        "unit/test_table_columns.py",
        "test_columns_are_told_by_names_and_values",
    ),
    12: ("tables as programs write them", "unit/test_table_dialects.py", "test_dialects"),
    13: ("a column twice", "unit/test_table_columns.py", "test_a_column_twice_names_both"),
    14: ("metadata beside pictures", PUBLIC, "metadata_beside_pictures"),
    15: ("litter of other programs", PUBLIC, "litter_of_other_programs"),
    16: (
        "parts that write labels differently",
        "unit/test_spellings.py",
        "test_parts_that_write_labels_differently_are_one_class",
    ),
    17: (
        "formats people have",
        "unit/test_picture_formats.py",
        "test_a_phones_photo_is_read_whatever_it_is_called",
    ),
    18: ("formulas of spreadsheets", PUBLIC, "formulas_in_cells"),
    19: (
        "no current folder",
        SURROUNDINGS,
        "test_a_folder_that_was_deleted_under_the_shell_is_a_sentence",
    ),
    20: (
        "a photo under several labels",
        "integration/test_hostile_road.py",
        "test_contradicted_examples_leave_the_score_and_are_told",
    ),
    21: (
        "two labels at one time",
        "unit/test_odd_tables.py",
        "test_two_labels_at_one_moment_are_both_learnt_and_told",
    ),
    22: (
        "containers that claim too much",
        "unit/test_uneven_clips.py",
        "test_an_edit_list_hides_frames_and_nothing_is_missing",
    ),
    23: (
        "dialogues as services write them",
        "unit/test_language_reading.py",
        "test_dialogues_as_services_write_them",
    ),
    24: (
        "one reader for all kinds",
        "unit/test_language_reading.py",
        "test_dialogues_in_every_form_of_table",
    ),
    25: ("a table beside folders", PUBLIC, "a_table_beside_folders_of_pictures"),
    26: ("markup of a model", "unit/test_markup.py", "test_no_token_of_markup_is_shown"),
    27: (
        "half a character",
        "unit/test_language_reading.py",
        "test_half_a_character_is_read_as_the_sign_for_one",
    ),
    28: ("known examples judged", "unit/test_learnt.py", "test_a_file_that_was_renamed_is_recognised"),
    29: (
        "uneven frame rates",
        "unit/test_uneven_clips.py",
        "test_frames_are_spread_in_time_not_in_number",
    ),
    30: ("clips or photos", PUBLIC, "frames_of_clips"),
    31: ("times in other forms", "unit/test_clock.py", "test_times_as_people_write_them"),
    32: ("inputs that are empty or patterns", PUBLIC, "inputs_that_are_empty_or_patterns"),
    33: ("forked workers", SURROUNDINGS, "test_a_forked_process_says_that_threads_stayed_behind"),
    34: (
        "labels people use",
        "unit/test_requests_as_written.py",
        "test_a_label_in_any_script_is_taken_as_it_is",
    ),
    35: (
        "no home",
        SURROUNDINGS,
        "test_who_has_no_home_has_a_cache_of_his_own_among_temporary_files",
    ),
    36: (
        "one class written two ways",
        "integration/test_hostile_road.py",
        "test_a_class_that_the_model_knows_by_another_spelling_is_not_added",
    ),
    37: (
        "the reason of a figure",
        "unit/test_trust.py",
        "test_a_test_part_whose_labels_mean_something_else_is_told",
    ),
    38: (
        "pictures of instruments",
        "unit/test_deep_grey.py",
        "test_neighbours_in_brightness_stay_neighbours",
    ),
    39: ("places", PUBLIC, "a_model_behind_a_link"),
    40: (
        "data for machines",
        SURROUNDINGS,
        "test_what_is_piped_is_utf_8_whatever_the_terminal",
    ),
    41: (
        "HTTP as tools write it",
        "unit/test_requests_as_written.py",
        "test_every_spelling_of_base64_is_read",
    ),
}


def test_no_kind_is_left_out() -> None:
    assert sorted(KINDS) == list(range(1, 42))


@pytest.mark.parametrize("number", KINDS, ids=lambda number: f"P{number}")
def test_each_kind_has_its_test(number: int) -> None:
    _, file, name = KINDS[number]
    text = (Path(__file__).parents[1] / file).read_text("utf-8")
    assert re.search(rf"^def {name}\(", text, re.MULTILINE)
