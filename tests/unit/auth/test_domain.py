import pytest

from heartguard_auth.domain import Standing, email_key, founding_name, guessable, may_give


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


@pytest.mark.parametrize(
    ("password", "answer"), [("letmein1", True), ("LetMeIn1", True), ("ana@hg.io", True), ("long enough", False)]
)
def test_common_passwords_and_the_address_are_guessable(password, answer):
    assert guessable(password, "ana@hg.io", frozenset({"letmein1"})) is answer


@pytest.mark.parametrize(
    ("giver", "role", "answer"),
    [
        ("admin", "admin", True),
        ("admin", "user", True),
        ("manager", "manager", True),
        ("manager", "admin", False),
        ("user", "user", False),
        ("service", "user", False),
    ],
)
def test_a_role_is_given_by_whoever_has_at_least_that(giver, role, answer):
    assert may_give(giver, role) is answer


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
    assert Standing(*member, *others).would_orphan(role, active=active) is orphans
