"""How a client finds out which devices of a Multi call failed: from the trailer, as the usual helper libraries do."""

import harness  # noqa: F401  first: finds the generated contracts

import status_pb2
from gsdk import err_pb2


def multi_errors(error):
    """The list that travels in grpc-status-details-bin, checked as the official clients check it."""
    trailers = dict(error.trailing_metadata())
    status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
    assert status.code == error.code().value[0] and status.message == error.details()
    assert len(status.details) == 1
    detail = err_pb2.MultiErrorResponse()
    assert status.details[0].type_url.endswith("/gsdk.err.MultiErrorResponse")
    assert status.details[0].Unpack(detail)
    return {e.deviceID: e for e in detail.deviceErrors}
