"""The bucket of our readings: found, or made with its retention."""

from datetime import timedelta

from influxdb_client import Bucket, BucketRetentionRules, PostBucketRequest

from shared.adapters.distributed.influx.connection import Connection, UnknownToServerError
from shared.ports.errors import SupplierError, UnavailableError


class Place:
    """A bucket of an organization, by their names. Asks without patience: whoever prepares waits in his own way."""

    def __init__(self, connection: Connection, *, org: str, bucket: str) -> None:
        self._connection = connection
        self._org = org
        self._bucket = bucket

    def prepare(self, retention: timedelta | None) -> timedelta | None:
        """Make the bucket if it is missing; returns how long it keeps data, which for one that was there is its own affair."""
        bucket = self._found() or self._made(retention)
        # 0 seconds, too, means for ever
        seconds = next((int(rule.every_seconds or 0) for rule in bucket.retention_rules or () if rule.type == "expire"), 0)
        return timedelta(seconds=seconds) if seconds else None

    def _found(self) -> Bucket | None:
        api = self._connection.client.buckets_api()
        try:
            listed = self._connection.call(lambda: api.find_buckets(org=self._org, name=self._bucket).buckets, attempts=1)
        except UnknownToServerError as problem:
            if problem.said.startswith("bucket"):
                return None
            raise self._connection.without_organization(self._org, problem) from None
        # a server lists buckets of its own, too, whatever name was asked for
        return next((bucket for bucket in listed or () if bucket.name == self._bucket), None)

    def _made(self, retention: timedelta | None) -> Bucket:
        rules = [] if retention is None else [BucketRetentionRules(type="expire", every_seconds=int(retention.total_seconds()))]
        wanted = PostBucketRequest(org_id=self._organization_id(), name=self._bucket, retention_rules=rules)
        api = self._connection.client.buckets_api()
        try:
            return self._connection.call(lambda: api.create_bucket(bucket=wanted), attempts=1)
        except UnavailableError:
            raise
        except SupplierError as problem:
            if (there := self._found()) is not None:  # another gateway made it in this moment
                return there
            raise self._without_rights(str(problem)) from None

    def _organization_id(self) -> str:
        api = self._connection.client.organizations_api()
        try:
            listed = self._connection.call(lambda: api.find_organizations(org=self._org), attempts=1)
        except UnknownToServerError as problem:
            raise self._connection.without_organization(self._org, problem) from None
        found = next((organization.id for organization in listed or () if organization.name == self._org), None)
        if found is None:  # a server shows a token only what it may read
            raise self._without_rights("the token may not read the organization")
        return str(found)

    def _without_rights(self, why: str) -> SupplierError:
        return SupplierError(
            f"no bucket {self._bucket!r} in organization {self._org!r} on InfluxDB at {self._connection.url} for this token, and none can "
            f"be made ({why}); make the bucket there and give a token that may read and write it, or one that may make buckets"
        )
