"""How many runs are on a device at once, before and after one has run out of its memory."""

from srbench.experiments.launchers.occupancy import Occupancy
from srbench.experiments.recording import Slot

ONE, OTHER = Slot("cuda:0", 2), Slot("cuda:1", 2)


def entered(occupancy):
    stays = []
    while occupancy.has_room:
        stays.append(occupancy.enter())
    return stays


def test_slots_are_taken_in_their_order_and_again_once_they_are_free():
    occupancy = Occupancy([ONE, OTHER, ONE])
    stays = entered(occupancy)
    assert [stay.slot for stay in stays] == [ONE, OTHER, ONE]
    occupancy.leave(stays[1])
    assert occupancy.enter().slot == OTHER
    assert not occupancy.has_room


def test_half_of_those_that_were_there_are_there_from_now_on_on_that_device_alone():
    occupancy = Occupancy([ONE, OTHER] * 8)
    stays = entered(occupancy)
    occupancy.leave(stays[0])
    assert stays[0].beside == 7
    assert occupancy.make_room(stays[0]) == 4
    assert not occupancy.has_room
    for stay in stays[1:]:
        occupancy.leave(stay)
    assert sum(stay.slot == ONE for stay in entered(occupancy)) == 4
    assert occupancy.most["cuda:1"] == 8


def test_of_several_that_run_out_of_memory_together_none_was_alone_and_half_may_stay():
    occupancy = Occupancy([ONE] * 8)
    stays = entered(occupancy)
    for stay in stays:  # one after the other is found to have ended
        occupancy.leave(stay)
        assert stay.beside == 7
        assert occupancy.make_room(stay) == 4


def test_one_that_runs_out_of_memory_again_and_again_is_alone_in_the_end():
    occupancy, left = Occupancy([ONE] * 16), []
    while True:
        stays = entered(occupancy)
        left.append(stays[-1].beside)
        for stay in stays:
            occupancy.leave(stay)
        if not stays[-1].beside:
            break
        occupancy.make_room(stays[-1])
    assert left == [15, 7, 3, 1, 0]


def test_one_that_began_alone_has_those_beside_it_that_came_later():
    occupancy = Occupancy([ONE] * 3)
    first = occupancy.enter()
    assert first.beside == 0
    second = occupancy.enter()
    occupancy.leave(second)
    occupancy.enter()
    assert first.beside == 1
