import pytest

from routes import Network, NoRoute, Route, UnknownStop


@pytest.fixture
def town():
    network = Network()
    network.add_link("Station", "Market", 4)
    network.add_link("Market", "Hospital", 7)
    network.add_link("Station", "Museum", 5)
    network.add_link("Museum", "Hospital", 3)
    network.add_link("Hospital", "Airport", 12, one_way=True)
    network.add_link("Mill", "Lock", 5)
    return network


def test_stops_are_sorted(town):
    assert town.stops() == ["Airport", "Hospital", "Lock", "Market", "Mill", "Museum", "Station"]


def test_direct_link(town):
    assert town.quickest("Station", "Market") == Route(("Station", "Market"), 4)


def test_start_is_goal(town):
    assert town.quickest("Museum", "Museum") == Route(("Museum",), 0)


def test_two_links_are_added_up(town):
    assert town.quickest("Market", "Museum") == Route(("Market", "Station", "Museum"), 9)


def test_quicker_way_round(town):
    assert town.quickest("Station", "Hospital") == Route(("Station", "Museum", "Hospital"), 8)


def test_links_run_both_ways(town):
    assert town.quickest("Lock", "Mill").minutes == town.quickest("Mill", "Lock").minutes == 5


def test_one_way_link(town):
    assert town.quickest("Museum", "Airport") == Route(("Museum", "Hospital", "Airport"), 15)
    with pytest.raises(NoRoute, match="Airport to Museum"):
        town.quickest("Airport", "Museum")


def test_no_route_between_separate_parts(town):
    with pytest.raises(NoRoute):
        town.quickest("Station", "Mill")


@pytest.mark.parametrize(("start", "goal"), [("Station", "Harbour"), ("Harbour", "Station")])
def test_unknown_stop(town, start, goal):
    with pytest.raises(UnknownStop, match="Harbour"):
        town.quickest(start, goal)


def test_quicker_of_two_parallel_links_is_kept():
    network = Network()
    network.add_link("A", "B", 9)
    network.add_link("A", "B", 5)
    network.add_link("A", "B", 7)
    assert network.quickest("B", "A").minutes == 5


@pytest.mark.parametrize("minutes", [0, -3])
def test_running_time_must_be_positive(minutes):
    with pytest.raises(ValueError, match="positive"):
        Network().add_link("A", "B", minutes)


def test_many_short_hops_beat_a_slow_link():
    network = Network()
    network.add_link("A", "E", 20)
    for start, end in [("A", "B"), ("B", "C"), ("C", "D"), ("D", "E")]:
        network.add_link(start, end, 3)
    assert network.quickest("A", "E") == Route(("A", "B", "C", "D", "E"), 12)


def test_short_last_link_does_not_make_a_detour_quick():
    network = Network()
    network.add_link("Depot", "Bridge", 8)
    network.add_link("Depot", "School", 6)
    network.add_link("School", "Bridge", 5)
    network.add_link("Bridge", "Park", 2)
    assert network.quickest("Depot", "Bridge") == Route(("Depot", "Bridge"), 8)
    assert network.quickest("Depot", "Park") == Route(("Depot", "Bridge", "Park"), 10)


def test_long_last_link_after_a_quick_start():
    network = Network()
    network.add_link("Depot", "Ford", 10)
    network.add_link("Ford", "Castle", 1)
    network.add_link("Depot", "Quay", 1)
    network.add_link("Quay", "Castle", 9)
    network.add_link("Castle", "Tower", 30)
    network.add_link("Quay", "Tower", 38)
    assert network.quickest("Depot", "Castle") == Route(("Depot", "Quay", "Castle"), 10)
    assert network.quickest("Depot", "Tower") == Route(("Depot", "Quay", "Tower"), 39)


def test_within_lists_direct_neighbours_nearest_first(town):
    assert town.within("Hospital", 7) == ["Museum", "Market"]
    assert town.within("Hospital", 2) == []


def test_within_unknown_stop(town):
    with pytest.raises(UnknownStop):
        town.within("Harbour", 5)
