package store

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/kv/client"
	"github.com/holdfastdb/holdfast/kv/client/core"
)

// Options say how to reach a cluster.
type Options struct {
	// Endpoints are addresses of nodes.
	Endpoints []string
	// Timeout bounds calls whose context has no deadline.
	Timeout time.Duration
}

// CheckAddress says why an address is not of the form host:port, nil if it is.
func CheckAddress(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%q is not of the form HOST:PORT", address)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 || host == "" {
		return fmt.Errorf("%q needs a host and a port from 1 to 65535", address)
	}
	return nil
}

// CheckEndpoints trims the addresses of --endpoints, in place, and refuses those that cannot be
// used.
func CheckEndpoints(endpoints []string) error {
	if len(endpoints) == 0 {
		return exit.Usagef("give at least one, as in --endpoints 127.0.0.1:7001", "there are no endpoints")
	}
	for i, e := range endpoints {
		endpoints[i] = strings.TrimSpace(e)
		if err := CheckAddress(endpoints[i]); err != nil {
			return exit.Usagef("give it as in --endpoints 127.0.0.1:7001,127.0.0.1:7002", "endpoint %q: %w", e, err)
		}
	}
	return nil
}

// Dial opens a cluster. It does not wait for a connection.
func Dial(o Options) (Store, error) {
	c, err := client.Dial(context.Background(), client.Config{Endpoints: o.Endpoints, RequestTimeout: o.Timeout})
	if err != nil {
		return nil, &Error{Ending: Denied, Err: err}
	}
	return &remote{client: c, endpoints: o.Endpoints}, nil
}

// remote is a Store over the Go client.
type remote struct {
	client    *client.Client
	endpoints []string
}

func (r *remote) Put(ctx context.Context, key, value []byte) (Written, error) {
	res, err := r.client.Put(ctx, key, value)
	return Written{Version: res.Version, Place: place(&res)}, ended(err)
}

func (r *remote) Get(ctx context.Context, key []byte, stale bool) (Read, error) {
	var opts []client.Option
	if stale {
		opts = append(opts, client.WithStale())
	}
	return r.read(ctx, key, opts...)
}

func (r *remote) GetAny(ctx context.Context, key []byte) (Read, error) {
	return r.read(ctx, key, client.WithFollower())
}

func (r *remote) read(ctx context.Context, key []byte, opts ...client.Option) (Read, error) {
	res, err := r.client.Get(ctx, key, opts...)
	return Read{
		Found: res.Found, Value: res.Value, Version: res.Version, LagMS: uint64(res.Lag.Milliseconds()), Place: place(&res),
	}, ended(err)
}

func (r *remote) Erase(ctx context.Context, key []byte) (Erased, error) {
	res, err := r.client.Erase(ctx, key)
	return Erased{Found: res.Found, Place: place(&res)}, ended(err)
}

func (r *remote) CompareAndSet(ctx context.Context, key, value []byte, e Expect) (Swap, error) {
	var res client.Result
	var err error
	switch {
	case e.Absent:
		res, err = r.client.PutIfAbsent(ctx, key, value)
	case e.Version != 0:
		res, err = r.client.CompareAndSetVersion(ctx, key, e.Version, value)
	default:
		res, err = r.client.CompareAndSetValue(ctx, key, e.Value, value)
	}
	s := Swap{Swapped: err == nil && !res.ConditionFailed, Version: res.Version, Place: place(&res)}
	if res.ConditionFailed {
		s.Found, s.Value = res.Found, res.Value
	}
	return s, ended(err)
}

func (r *remote) Close() error { return r.client.Close() }

func place(res *client.Result) Place {
	return Place{Partition: res.Partition, Index: res.Index, Node: res.Node}
}

// ended gives an error of the client its ending (STORE-1).
func ended(err error) error {
	var e *client.Error
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &e):
		return &Error{Ending: Unknown, Err: err}
	case e.Outcome == client.Unknown:
		return &Error{Ending: Unknown, Err: &plain{e}}
	case errors.Is(err, client.ErrInvalid):
		return &Error{Ending: Denied, Err: &plain{e}}
	}
	return &Error{Ending: NotApplied, Err: &plain{e}}
}

// plain is an error of the client without what Explain says anyway: the operation,
// its outcome and the next step.
type plain struct{ err *client.Error }

func (p *plain) Unwrap() error { return p.err }

func (p *plain) Error() string {
	var c *core.Error
	if !errors.As(p.err, &c) {
		return p.err.Cause.Error()
	}
	if c.Reason == core.ReasonInvalid && c.Message != "" {
		return c.Message
	}
	reason := c.Reason
	if reason == core.ReasonCanceled && errors.Is(p.err, context.DeadlineExceeded) {
		reason = core.ReasonDeadline
	}
	text := reason.String()
	if c.Message != "" {
		text += ": " + c.Message
	}
	if p.err.Endpoint == "" {
		return text + ", and no node answered"
	}
	text += fmt.Sprintf("; the last answer, of %s, was %s", p.err.Endpoint, c.LastCode)
	if c.LastMessage != "" && c.LastMessage != c.Message {
		text += ": " + c.LastMessage
	}
	return text
}
