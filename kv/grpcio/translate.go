package grpcio

import (
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/holdfastdb/holdfast/kv/kvpb"
)

func putRequest(in *kvpb.PutRequest) *kvpb.Request {
	op := &kvpb.Op{Kind: kvpb.OpKind_PUT, Key: in.Key, Value: in.Value}
	if in.IfAbsent {
		op.Cond = kvpb.Condition_ABSENT
	}
	return &kvpb.Request{Kind: kvpb.RequestKind_WRITE, Ops: []*kvpb.Op{op}}
}

func getRequest(in *kvpb.GetRequest) *kvpb.Request {
	return &kvpb.Request{
		Kind: kvpb.RequestKind_READ, Stale: in.Stale,
		Ops: []*kvpb.Op{{Kind: kvpb.OpKind_GET, Key: in.Key}},
	}
}

func eraseRequest(in *kvpb.EraseRequest) *kvpb.Request {
	return &kvpb.Request{
		Kind: kvpb.RequestKind_WRITE,
		Ops:  []*kvpb.Op{{Kind: kvpb.OpKind_ERASE, Key: in.Key}},
	}
}

// casRequest translates a compare-and-set; an error says which rule it breaks.
func casRequest(in *kvpb.CompareAndSetRequest) (*kvpb.Request, error) {
	op := &kvpb.Op{Kind: kvpb.OpKind_PUT, Key: in.Key, Value: in.Value}
	switch {
	case (in.ExpectVersion == nil) == (in.ExpectValue == nil):
		return nil, status.Error(codes.InvalidArgument, "not applied: give either expect_version or expect_value")
	case in.ExpectVersion != nil && *in.ExpectVersion == 0:
		return nil, status.Error(codes.InvalidArgument, "not applied: expect_version must not be 0; to store only if the key has no value use Put with if_absent")
	case in.ExpectVersion != nil:
		op.Cond, op.CondVersion = kvpb.Condition_VERSION_IS, *in.ExpectVersion
	default:
		op.Cond, op.CondValue = kvpb.Condition_VALUE_IS, in.ExpectValue
	}
	return &kvpb.Request{Kind: kvpb.RequestKind_WRITE, Ops: []*kvpb.Op{op}}, nil
}

// onlyResult is the result of a request with one operation.
func onlyResult(resp *kvpb.Response) (*kvpb.OpResult, error) {
	if len(resp.Results) != 1 {
		return nil, status.Error(codes.Internal, fmt.Sprintf("node %d answered 1 operation with %d results", resp.Node, len(resp.Results)))
	}
	return resp.Results[0], nil
}

func putResponse(resp *kvpb.Response, res *kvpb.OpResult) *kvpb.PutResponse {
	out := &kvpb.PutResponse{Version: res.Version, Applied: resp.Code == kvpb.Code_OK}
	if !out.Applied {
		out.ActualValue = res.Value
	}
	return out
}

func casResponse(resp *kvpb.Response, res *kvpb.OpResult) *kvpb.CompareAndSetResponse {
	out := &kvpb.CompareAndSetResponse{Swapped: resp.Code == kvpb.Code_OK, Version: res.Version, Found: res.Found}
	if !out.Swapped {
		out.ActualValue = res.Value
	}
	return out
}
