package grpcio

import (
	"context"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc/metadata"

	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// KVConfig is what the client service needs.
type KVConfig struct {
	Loop    Loop
	Backend Backend
	// Dial opens connections to the leader for forwarded calls; nil means plain TCP.
	Dial DialFunc
	// Metrics counts requests; nil means not to.
	Metrics *Metrics
	// UnaryTimeout bounds unary calls that come without a shorter deadline; 0 means 10 s.
	UnaryTimeout time.Duration
	// MaxOutstanding bounds the requests of one Stream that are not answered yet; 0
	// means 16384.
	MaxOutstanding int
	// MaxBuffered bounds the bytes of answers a Stream holds back for a client that reads
	// slowly before no more requests are taken from it; 0 means 16 MiB.
	MaxBuffered int
}

// KV is the client service.
type KV struct {
	kvpb.UnimplementedKVServer
	cfg     KVConfig
	forward *forwarder

	// stopping is closed by Stop.
	stopping chan struct{}
	stopOnce sync.Once
}

var _ kvpb.KVServer = (*KV)(nil)

// NewKV returns the service; Close releases it.
func NewKV(cfg KVConfig) *KV {
	if cfg.UnaryTimeout == 0 {
		cfg.UnaryTimeout = 10 * time.Second
	}
	if cfg.MaxOutstanding == 0 {
		cfg.MaxOutstanding = 16384
	}
	if cfg.MaxBuffered == 0 {
		cfg.MaxBuffered = 16 << 20
	}
	return &KV{cfg: cfg, forward: newForwarder(cfg.Dial), stopping: make(chan struct{})}
}

// Stop makes the streams end once what they have outstanding is answered. To be called
// after the node was told to stop.
func (k *KV) Stop() { k.stopOnce.Do(func() { close(k.stopping) }) }

// Close releases the connections to other nodes.
func (k *KV) Close() {
	k.Stop()
	k.forward.close()
}

// Put implements the KV service.
func (k *KV) Put(ctx context.Context, in *kvpb.PutRequest) (*kvpb.PutResponse, error) {
	resp, res, err := k.one(ctx, putRequest(in))
	if err != nil {
		return nil, err
	}
	return putResponse(resp, res), nil
}

// Get implements the KV service.
func (k *KV) Get(ctx context.Context, in *kvpb.GetRequest) (*kvpb.GetResponse, error) {
	resp, res, err := k.one(ctx, getRequest(in))
	if err != nil {
		return nil, err
	}
	return &kvpb.GetResponse{Found: res.Found, Value: res.Value, Version: res.Version, LagMs: resp.LagMs}, nil
}

// Erase implements the KV service.
func (k *KV) Erase(ctx context.Context, in *kvpb.EraseRequest) (*kvpb.EraseResponse, error) {
	_, res, err := k.one(ctx, eraseRequest(in))
	if err != nil {
		return nil, err
	}
	return &kvpb.EraseResponse{Found: res.Found}, nil
}

// CompareAndSet implements the KV service.
func (k *KV) CompareAndSet(ctx context.Context, in *kvpb.CompareAndSetRequest) (*kvpb.CompareAndSetResponse, error) {
	req, err := casRequest(in)
	if err != nil {
		return nil, err
	}
	resp, res, err := k.one(ctx, req)
	if err != nil {
		return nil, err
	}
	return casResponse(resp, res), nil
}

// Do implements the KV service. Unlike the other calls it reports every outcome in the
// response.
func (k *KV) Do(ctx context.Context, req *kvpb.Request) (*kvpb.Response, error) {
	return k.execute(ctx, req), nil
}

// one executes a request of one operation.
func (k *KV) one(ctx context.Context, req *kvpb.Request) (*kvpb.Response, *kvpb.OpResult, error) {
	resp := k.execute(ctx, req)
	if err := statusOf(resp); err != nil {
		return nil, nil, err
	}
	res, err := onlyResult(resp)
	return resp, res, err
}

// execute runs a request on this node or, once, on the leader (GRPC-5).
func (k *KV) execute(ctx context.Context, req *kvpb.Request) *kvpb.Response {
	begin := time.Now()
	ctx, cancel := context.WithTimeout(ctx, k.cfg.UnaryTimeout)
	defer cancel()
	resp := k.local(ctx, req)
	if resp.Code == kvpb.Code_NOT_LEADER && resp.LeaderAddress != "" && !isForwarded(ctx) {
		resp = k.forward.do(ctx, resp, req)
	}
	k.cfg.Metrics.unary(req.Kind, resp.Code, time.Since(begin))
	return resp
}

// local runs a request on this node.
func (k *KV) local(ctx context.Context, req *kvpb.Request) *kvpb.Response {
	answer := make(chan *kvpb.Response, 1)
	posted := k.cfg.Loop.Post(func() {
		k.cfg.Backend.Request(req, func(resp *kvpb.Response) { answer <- resp })
	})
	if !posted {
		return &kvpb.Response{Id: req.Id, Code: kvpb.Code_UNAVAILABLE, Message: "the node is stopping"}
	}
	select {
	case resp := <-answer:
		return resp
	case <-ctx.Done():
		return lost(req, fmt.Sprintf("no answer in time (%v)", ctx.Err()))
	}
}

// forwardedKey marks, in the metadata of a call, that it comes from another node.
const forwardedKey = "holdfast-forwarded"

func isForwarded(ctx context.Context) bool {
	return len(metadata.ValueFromIncomingContext(ctx, forwardedKey)) > 0
}
