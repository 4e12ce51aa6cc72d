"""The public authentication API over gRPC, called by the official Python packages, which know of it only what reflection says."""

from __future__ import annotations

import os
import secrets

import grpc
import pytest
from google.protobuf import descriptor_pool, message_factory
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

pytestmark = pytest.mark.setups("rabbitmq", "kafka", reason="one process has nobody to call over gRPC")
PASSWORD = "a fine long secret"
TIMEOUT = 10


class Service:
    """A service found through reflection; its methods are called by name."""

    def __init__(self, channel: grpc.Channel, pool: descriptor_pool.DescriptorPool, name: str):
        self.channel = channel
        self.descriptor = pool.FindServiceByName(name)

    def __getattr__(self, name: str):
        method = self.descriptor.FindMethodByName(name)
        request = message_factory.GetMessageClass(method.input_type)
        reply = message_factory.GetMessageClass(method.output_type)
        call = self.channel.unary_unary(
            f"/{self.descriptor.full_name}/{name}",
            request_serializer=request.SerializeToString, response_deserializer=reply.FromString)

        def invoke(token: str | None = None, **fields):
            metadata = [("authorization", f"Bearer {token}")] if token else []
            return call(request(**fields), metadata=metadata, timeout=TIMEOUT)

        return invoke


@pytest.fixture(scope="module")
def address(request) -> str:
    given = os.environ.get("SOUK_GRPC_AUTH_ADDRESS")
    return given or f"127.0.0.1:{request.getfixturevalue('souk').cluster.ports['auth.grpc']}"


@pytest.fixture(scope="module")
def channel(address):
    with grpc.insecure_channel(address) as channel:
        yield channel


@pytest.fixture(scope="module")
def reflected(channel) -> ProtoReflectionDescriptorDatabase:
    return ProtoReflectionDescriptorDatabase(channel)


@pytest.fixture(scope="module")
def pool(reflected) -> descriptor_pool.DescriptorPool:
    return descriptor_pool.DescriptorPool(reflected)


@pytest.fixture(scope="module")
def users(channel, pool) -> Service:
    return Service(channel, pool, "souk.auth.v1.UserService")


@pytest.fixture(scope="module")
def profiles(channel, pool) -> Service:
    return Service(channel, pool, "souk.auth.v1.UserProfileService")


def email() -> str:
    return f"grpc-{secrets.token_hex(6)}@example.com"


def refusal(call, *arguments, **fields) -> tuple[grpc.StatusCode, str]:
    """Status and stable code of a call that must fail."""
    with pytest.raises(grpc.RpcError) as caught:
        call(*arguments, **fields)
    trailers = dict(caught.value.trailing_metadata() or ())
    assert "souk-error-code" in trailers and trailers.get("souk-error-bin"), trailers
    return caught.value.code(), trailers["souk-error-code"]


def test_reflection_lists_services_in_both_versions(channel, reflected):
    wanted = {"souk.auth.v1.UserService", "souk.auth.v1.UserProfileService", "grpc.health.v1.Health"}
    assert wanted <= set(reflected.get_services())
    # The messages of v1 are those of v1alpha under another name.
    call = channel.stream_stream(
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString)
    asked = [
        reflection_pb2.ServerReflectionRequest(list_services=""),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="souk.auth.v1.UserService"),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="no.such.Service")]
    names, files, missing = call(iter(asked), timeout=TIMEOUT)
    assert wanted <= {service.name for service in names.list_services_response.service}
    assert files.file_descriptor_response.file_descriptor_proto
    assert missing.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]


def test_a_session_from_sign_up_to_log_out(users, profiles):
    address = email()
    made = users.CreateUser(email=address.upper(), password=PASSWORD, name="Ada")
    assert made.user.email == address and made.grant.token_type == "Bearer" and made.grant.expires_in > 0
    own = profiles.GetUser(token=made.grant.access_token)
    assert own.user == made.user
    assert profiles.GetUser(token=made.grant.access_token, id=made.user.id).user == made.user

    there = users.LoginUser(email=address, password=PASSWORD, device_token=made.device_token)
    assert there.user.id == made.user.id
    assert len({made.device_token, there.device_token, ""}) == 3
    renewed = users.RefreshAccessToken(refresh_token=there.grant.refresh_token)
    assert renewed.grant.refresh_token != there.grant.refresh_token
    assert refusal(users.RefreshAccessToken, refresh_token=there.grant.refresh_token) == (
        grpc.StatusCode.UNAUTHENTICATED, "auth.refresh_reused")
    # Whoever has the other one has lost the session, too.
    assert refusal(users.RefreshAccessToken, refresh_token=renewed.grant.refresh_token) == (
        grpc.StatusCode.UNAUTHENTICATED, "auth.refresh_invalid")

    users.LogOutUser(refresh_token=made.grant.refresh_token)
    users.LogOutUser(refresh_token=made.grant.refresh_token)
    assert refusal(users.RefreshAccessToken, refresh_token=made.grant.refresh_token)[0] == grpc.StatusCode.UNAUTHENTICATED


def test_refusals_have_their_status_and_code(users, profiles):
    address = email()
    made = users.CreateUser(email=address, password=PASSWORD, name="Ada")
    again = users.CreateUser(email=address, password=PASSWORD, name="Ada")
    assert again.user.id != made.user.id and again.user.email_verified is False
    assert refusal(users.CreateUser, email="nobody", password="short", name="") == (
        grpc.StatusCode.INVALID_ARGUMENT, "validation.failed")
    for wrong in (address, email()):
        assert refusal(users.LoginUser, email=wrong, password="not the password") == (
            grpc.StatusCode.UNAUTHENTICATED, "auth.invalid_credentials")
    assert refusal(profiles.GetUser)[0] == grpc.StatusCode.UNAUTHENTICATED
    assert refusal(profiles.ListUsers)[0] == grpc.StatusCode.UNAUTHENTICATED
    assert refusal(profiles.GetUser, token="no.token.atall")[0] == grpc.StatusCode.UNAUTHENTICATED
    token = made.grant.access_token
    assert refusal(profiles.ListUsers, token=token) == (grpc.StatusCode.PERMISSION_DENIED, "auth.forbidden")
    assert refusal(profiles.GetUser, token=token, id="01890a5d-ac96-774b-bcce-b302099a8057") == (
        grpc.StatusCode.PERMISSION_DENIED, "auth.forbidden")
    assert refusal(profiles.GetUser, token=token, id="me")[0] == grpc.StatusCode.INVALID_ARGUMENT


def test_admins_see_all_page_by_page(users, profiles, market):
    mark = secrets.token_hex(6)
    made = {users.CreateUser(email=f"p{n}-{mark}@example.com", password=PASSWORD, name="Ada").user.id for n in range(5)}
    token = market.admin.sign_in()
    seen: list[str] = []
    for page in (1, 2, 3):
        reply = profiles.ListUsers(token=token, page=page, size=2, query=mark)
        assert (reply.total_count, reply.total_pages, reply.page, reply.size) == (5, 3, page, 2)
        assert reply.has_more == (page < 3)
        seen += [user.id for user in reply.users]
    assert len(seen) == 5 and set(seen) == made
    past = profiles.ListUsers(token=token, page=9, size=2, query=mark)
    assert not past.users and past.total_count == 5 and not past.has_more
    assert profiles.GetUser(token=token, id=seen[0]).user.id == seen[0]
    assert refusal(profiles.GetUser, token=token, id="01890a5d-ac96-774b-bcce-b302099a8057") == (
        grpc.StatusCode.NOT_FOUND, "user.not_found")
    for page, size in ((0, 2), (1, 0), (1, 101), (-1, 2)):
        assert refusal(profiles.ListUsers, token=token, page=page, size=size)[0] == grpc.StatusCode.INVALID_ARGUMENT
    assert profiles.ListUsers(token=token).size == 20


def test_an_admin_who_was_one_sees_nobody_else(profiles, market):
    """The token stays what it was: what its owner may do is asked of the database for each call."""
    user = market.shopper()
    me = user.get("/api/v1/users/me").data["id"]
    other = market.admin.get("/api/v1/users/me").data["id"]
    account = f"/api/v1/admin/users/{me}"
    for _ in range(3):
        assert refusal(profiles.ListUsers, token=user.token) == (grpc.StatusCode.PERMISSION_DENIED, "auth.forbidden")
        market.admin.put(f"{account}/roles/admin")
        assert profiles.GetUser(token=user.token, id=other).user.id == other
        market.admin.delete(f"{account}/roles/admin")
    assert refusal(profiles.GetUser, token=user.token, id=other) == (grpc.StatusCode.PERMISSION_DENIED, "auth.forbidden")
    market.admin.patch(account, {"active": False})
    assert refusal(profiles.GetUser, token=user.token) == (grpc.StatusCode.PERMISSION_DENIED, "auth.account_inactive")


def test_health(channel):
    health = health_pb2_grpc.HealthStub(channel)
    for service in ("", "souk.auth.v1.UserService"):
        reply = health.Check(health_pb2.HealthCheckRequest(service=service), timeout=TIMEOUT)
        assert reply.status == health_pb2.HealthCheckResponse.SERVING
    with pytest.raises(grpc.RpcError) as caught:
        health.Check(health_pb2.HealthCheckRequest(service="no.such.Service"), timeout=TIMEOUT)
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND


def test_internal_services_need_the_identity_of_a_service(channel, pool, users):
    kernel = Service(channel, pool, "souk.auth.v1.AuthKernelService")
    assert refusal(kernel.BatchGetUsers)[0] == grpc.StatusCode.UNAUTHENTICATED
    # That of a user is none.
    token = users.CreateUser(email=email(), password=PASSWORD, name="Ada").grant.access_token
    assert refusal(kernel.BatchGetUsers, token=token)[0] == grpc.StatusCode.UNAUTHENTICATED
    events = Service(channel, pool, "souk.events.v1.EventAdministrationService")
    assert refusal(events.GetSummary)[0] == grpc.StatusCode.UNAUTHENTICATED
