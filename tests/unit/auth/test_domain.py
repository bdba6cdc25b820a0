import pytest

from heartguard_auth.domain import RANKS, MembershipStatus, email_key, founding_name, given_roles, guessable
from heartguard_common.identity import policy


@pytest.mark.parametrize(
    ("one", "other"), [("A@x.io", "a@x.io"), ("a@X.IO", "a@x.io"), ("\uff41@x.io", "a@x.io"), ("\u017f@x.io", "s@x.io")]
)
def test_addresses_that_are_one_to_people_have_one_key(one, other):
    assert email_key(one) == email_key(other)


def test_other_addresses_have_other_keys():
    assert email_key("a.b@x.io") != email_key("ab@x.io")


@pytest.mark.parametrize(("given", "name"), [(None, "ana.b"), ("Clinic", "Clinic")])
def test_a_founded_organization_is_named_as_given_or_after_the_address(given, name):
    assert founding_name("ana.b@hg.io", given) == name


GUESSABLE = [
    ("letmein1", True),
    ("LetMeIn1", True),
    ("Jennifer", True),
    ("Jennifer2024!", True),
    ("jennifer aniston", False),
    ("ana@hg.io", True),
    ("long enough", False),
    ("12345678901", False),  # of a suffix alone nothing is left that could be listed
]


def test_common_passwords_and_the_address_are_guessable(subtests):
    for password, answer in GUESSABLE:
        with subtests.test(password):
            assert guessable(password, "ana@hg.io", frozenset({"letmein1", "jennifer"})) is answer


@pytest.mark.parametrize(
    ("giver", "roles"),
    [
        ("admin", {"admin", "manager", "user"}),
        ("manager", {"user"}),
        ("user", set()),
        ("operator", set()),
        ("service", set()),
    ],
)
def test_each_role_may_give_the_listed_roles(giver, roles):
    assert set(given_roles(giver)) == roles


def test_a_role_that_may_change_roles_may_give_every_role():
    """The user service asks nobody about the new role: the row of the policy has to be enough."""
    row = policy.load().row("PATCH", "/users/{user_id}")
    assert {role for role in RANKS if given_roles(role) == tuple(RANKS)} == set(row.who)


# What would become of a member, and whether the others would be left without an active admin.
@pytest.mark.parametrize(
    ("member", "others", "becomes", "orphans"),
    [
        (("admin", True), (0, 3), ("admin", False), True),
        (("admin", True), (0, 3), ("manager", True), True),
        (("admin", True), (0, 3), ("admin", True), False),
        (("admin", True), (1, 3), ("admin", False), False),
        (("admin", True), (0, 0), ("admin", False), False),
        (("admin", False), (0, 3), ("user", False), False),
        (("manager", True), (0, 3), ("user", False), False),
    ],
)
def test_who_leads_may_not_leave_the_others_alone(member, others, becomes, orphans):
    role, active = becomes
    assert MembershipStatus(*member, *others).would_orphan(role, active=active) is orphans
