"""The types of fields on each store: who settles them, who sees them, and how one goes."""

import psycopg2
import pytest
from alembic import command

from heartguard_cli import migrate
from heartguard_cli.urls import libpq
from heartguard_common.core.errors import ServiceError
from heartguard_common.identity.authentication import Principal
from heartguard_influx.usecases import BucketAdministration, Fields
from tests.store.influx.test_contract import RANGE, point, read


@pytest.fixture
def admin(services):
    return Principal("person", "admin", user_id=1, org_id=services.org_id)


@pytest.fixture
def fields(services):
    return Fields(services.stores)


def code(call):
    with pytest.raises(ServiceError) as caught:
        call()
    return caught.value.row.code


def test_an_invalid_first_value_does_not_fix_the_type_of_heart_rate(services, fields, admin):
    bucket = services.bucket()
    verdicts = services.verdicts(bucket, [point(0, {"bpm": "seventy"}), point(1, {"value": True})])
    assert [(it.status, it.reason) for it in verdicts] == [
        ("rejected", "the field bpm is of type float"),
        ("rejected", "the field value is of type float"),
    ]
    assert fields.list(admin, bucket, None, 0, 10) == []
    assert services.write(bucket, [point(0, {"bpm": 70.0})]) == [services.created]
    assert read(services, bucket) == [({}, 0, {"bpm": 70.0}, None)]
    with pytest.raises(ServiceError):
        services.verdicts(bucket, [point(2, {"bpm": "seventy"})], atomic=True)


def test_fields_are_listed_with_their_types_page_by_page(services, fields, admin):
    bucket = services.bucket()
    services.write(bucket, [point(0, {"bpm": 70.0})])
    services.write(bucket, [point(0, {"phase": "swing", "left": True}, measurement="gait/2")])
    first = fields.list(admin, bucket, None, 0, 2)
    rest = fields.list(admin, bucket, None, first[-1].id, 10)
    assert [(it.measurement, it.name, it.type) for it in (*first, *rest)] == [
        ("heart_rate", "bpm", "float"),
        ("gait/2", "left", "boolean"),
        ("gait/2", "phase", "string"),
    ]
    assert [it.name for it in fields.list(admin, bucket, "heart_rate", 0, 10)] == ["bpm"]
    other = Principal("person", "admin", user_id=2, org_id=services.org_id + 1)
    assert code(lambda: fields.list(other, bucket, None, 0, 10)) == "TS_001"


def test_a_field_loses_its_type_when_no_point_has_it_and_not_before(services, fields, admin):
    bucket = services.bucket()
    gait = {"measurement": "gait"}
    services.write(bucket, [point(0, {"speed": "fast", "phase": "swing"}, {"user_id": "7"}, **gait)])
    services.write(bucket, [point(1, {"phase": "stance"}, {"user_id": "8"}, **gait)])
    assert code(lambda: fields.reset(admin, bucket, "gait", "speed")) == "TS_009"
    whose = {"bucket": bucket, "tags": {"user_id": "7"}, **gait, **RANGE}
    BucketAdministration(services.stores).delete_points(admin, whose)
    fields.reset(admin, bucket, "gait", "speed")  # what others have of the measurement is not in its way
    assert [it.name for it in fields.list(admin, bucket, "gait", 0, 10)] == ["phase"]
    assert code(lambda: fields.reset(admin, bucket, "gait", "speed")) == "TS_010"
    assert code(lambda: fields.reset(admin, bucket, "gait", "phase")) == "TS_009"
    if services.created == "created":  # an InfluxDB remembers the type while the measurement is in the shard
        assert services.write(bucket, [point(2, {"speed": 1.5}, **gait)]) == ["created"]
        assert read(services, bucket, measurement="gait", fields=["speed"]) == [({}, 2, {"speed": 1.5}, None)]


def test_a_migration_heals_numbers_that_began_as_words(empty_database):
    url = empty_database.owner_url
    command.upgrade(migrate._config(url), "0014_ages")
    with psycopg2.connect(libpq(url)) as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO heartguard_core.organizations (name) VALUES ('Clinic') RETURNING id")
        cursor.execute("INSERT INTO heartguard_core.buckets (org_id, name) VALUES (%s, 'org_1')", cursor.fetchone())
        cursor.execute(
            "INSERT INTO heartguard_core.field_types (bucket_id, measurement, field, type) VALUES"
            " (1, 'heart_rate', 'bpm', 'string'), (1, 'heart_rate', 'value', 'float'),"
            " (1, 'steps', 'count', 'boolean'), (1, 'steps', 'count (boolean)', 'float'), (1, 'gait', 'bpm', 'string')"
        )
    connection.close()
    migrate.upgrade(url, empty_database.passwords)
    with psycopg2.connect(libpq(url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT measurement, field, type FROM heartguard_core.field_types ORDER BY id")
        assert cursor.fetchall() == [
            ("heart_rate", "bpm (string)", "string"),
            ("heart_rate", "value", "float"),
            ("steps", "count (boolean 3)", "boolean"),
            ("steps", "count (boolean)", "float"),
            ("gait", "bpm", "string"),
        ]
    connection.close()
