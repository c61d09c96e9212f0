"""Lists: every order, filter and page against sorting and slicing."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sparring_local_sagemaker.listing import Listing

LISTING = Listing("Things", "Name", ("Name", "CreationTime"), status="State")
records = st.lists(
    st.builds(
        lambda name, time, state: {"Name": name, "CreationTime": time, "State": state, "Secret": 1},
        st.text("abcX", min_size=1, max_size=3),
        st.integers(0, 5).map(float),
        st.sampled_from(["Up", "Down"]),
    ),
    max_size=12,
    unique_by=lambda record: record["Name"],
)


@given(
    records,
    st.integers(1, 5),
    st.sampled_from(["Name", "CreationTime", "Status"]),
    st.sampled_from(["Ascending", "Descending"]),
    st.sampled_from(["", "a", "x"]),
    st.sampled_from([{}, {"StatusEquals": "Up"}, {"CreationTimeAfter": 2.0}, {"CreationTimeBefore": 2.0}]),
)
def test_pages_together_are_what_sorting_and_filtering_give(
    things: list[dict], size: int, by: str, order: str, contains: str, filters: dict
) -> None:
    request: dict[str, Any] = {
        "MaxResults": size,
        "SortBy": by,
        "SortOrder": order,
        "NameContains": contains,
        **filters,
    }
    found: list[dict] = []
    while True:
        page = LISTING.page(things, request)
        assert len(page["Things"]) <= size
        found += page["Things"]
        if "NextToken" not in page:
            break
        request["NextToken"] = page["NextToken"]
    member = {"Name": "Name", "CreationTime": "CreationTime", "Status": "State"}[by]
    kept = [
        thing
        for thing in things
        if contains in thing["Name"].lower()
        and filters.get("StatusEquals", thing["State"]) == thing["State"]
        and filters.get("CreationTimeAfter", -1) < thing["CreationTime"] < filters.get("CreationTimeBefore", 9)
    ]
    kept.sort(key=lambda thing: (thing[member], thing["Name"]), reverse=order == "Descending")
    assert found == [{"Name": thing["Name"], "CreationTime": thing["CreationTime"]} for thing in kept]
