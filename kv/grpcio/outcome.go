package grpcio

import (
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// grpcCodes maps the outcomes that a unary call reports as a gRPC error. What is
// not in it is an answer.
var grpcCodes = map[kvpb.Code]codes.Code{
	kvpb.Code_NOT_LEADER:       codes.Unavailable,
	kvpb.Code_OVERLOADED:       codes.ResourceExhausted,
	kvpb.Code_UNAVAILABLE:      codes.Unavailable,
	kvpb.Code_OUTCOME_UNKNOWN:  codes.Unknown,
	kvpb.Code_SESSION_UNKNOWN:  codes.FailedPrecondition,
	kvpb.Code_SEQUENCE_TOO_OLD: codes.FailedPrecondition,
	kvpb.Code_WINDOW_FULL:      codes.ResourceExhausted,
	kvpb.Code_INVALID:          codes.InvalidArgument,
	kvpb.Code_WRONG_PARTITION:  codes.FailedPrecondition,
}

// statusOf is the gRPC error for a response, nil if the response is an answer. The
// response is attached, so that programs need not read the message.
func statusOf(resp *kvpb.Response) error {
	if resp.Code == kvpb.Code_OK || resp.Code == kvpb.Code_CONDITION_FAILED {
		return nil
	}
	code, known := grpcCodes[resp.Code]
	if !known {
		code = codes.Internal
	}
	text := resp.Message
	switch resp.Code {
	case kvpb.Code_NOT_LEADER:
		text = "not applied: not the leader"
		if resp.LeaderNode != 0 {
			text = fmt.Sprintf("%s, leader is node %d at %s", text, resp.LeaderNode, resp.LeaderAddress)
		} else {
			text += ", and none is known at the moment; try again"
		}
	case kvpb.Code_OUTCOME_UNKNOWN:
		text = "outcome unknown, the write may or may not be applied: " + text
	case kvpb.Code_UNAVAILABLE, kvpb.Code_OVERLOADED, kvpb.Code_INVALID:
		text = "not applied: " + text
	}
	st := status.New(code, text)
	if detailed, err := st.WithDetails(resp); err == nil {
		st = detailed
	}
	return st.Err()
}

// isWrite tells whether a request may change anything.
func isWrite(req *kvpb.Request) bool { return req.Kind != kvpb.RequestKind_READ }

// lost is the answer to a request that was handed over and of which nothing
// more is known: a write may be applied, a read had no effect.
func lost(req *kvpb.Request, why string) *kvpb.Response {
	code := kvpb.Code_UNAVAILABLE
	if isWrite(req) {
		code = kvpb.Code_OUTCOME_UNKNOWN
	}
	return &kvpb.Response{Id: req.Id, Code: code, Message: why}
}
