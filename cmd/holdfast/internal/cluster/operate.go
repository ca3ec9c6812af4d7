package cluster

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/kv/grpcio"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

const (
	// callTime bounds one call, so that a silent node does not use up the time for the others.
	callTime = 2 * time.Second
	// pauseTime lies between two calls for one change.
	pauseTime = 200 * time.Millisecond
)

// answer is what a node said to a request of an operator.
type answer struct {
	code    kvpb.Code
	message string
	// leader is the address of the leader, if the node knows one.
	leader string
	// leads is the node that leads when a transfer is done.
	leads uint64
	done  bool
}

// call asks one node.
type call func(ctx context.Context, c kvpb.ClusterClient) (answer, error)

// operator repeats a request until it is done: at the leader, once that is known, else at one
// endpoint after the other.
type operator struct {
	endpoints []string
	callTime  time.Duration
	pause     time.Duration
	// progress, if set, is called after each answer that is not the last.
	progress func(a answer)

	next int
	// redirected: the call before this one was sent on without a pause.
	redirected bool
	// doubt: a request may have taken effect, or has begun to.
	doubt bool
	// last is why the last call was not the last.
	last error
}

func newOperator(endpoints []string) *operator {
	return &operator{endpoints: endpoints, callTime: callTime, pause: pauseTime}
}

// run asks until the request is done or ctx ends (CLUS-1).
func (o *operator) run(ctx context.Context, what string, ask call) (answer, error) {
	hint := ""
	for {
		address := hint
		if address == "" {
			address = o.endpoints[o.next%len(o.endpoints)]
			o.next++
		}
		if ctx.Err() != nil {
			return answer{}, o.outOfTime(ctx, what)
		}
		deadline, bounded := ctx.Deadline()
		short := bounded && time.Until(deadline) < o.callTime
		a, sent, err := o.once(ctx, address, ask)
		switch {
		case err != nil:
			o.doubt = o.doubt || sent
			hint, o.redirected = "", false
			if o.last == nil || !short && ctx.Err() == nil { // a call that was cut short says nothing of the node
				o.last = fmt.Errorf("%s: %s", address, plainly(err))
			}
		case a.done:
			return a, nil
		case a.code == kvpb.Code_INVALID:
			return a, exit.With(exit.Denied, fmt.Errorf("cannot %s: %s", what, a.message), "change the request; the same one will be refused again")
		default:
			hint = o.learn(address, a)
			if o.progress != nil {
				o.progress(a)
			}
			if o.redirected {
				continue
			}
		}
		select {
		case <-ctx.Done():
			return answer{}, o.outOfTime(ctx, what)
		case <-time.After(o.pause):
		}
	}
}

// learn returns where to ask next, "" for the next endpoint. A hint is followed at once, but not
// two in a row, since two nodes may name each other.
func (o *operator) learn(address string, a answer) (hint string) {
	switch {
	case a.message != "":
		o.last = errors.New(a.message)
	case a.code == kvpb.Code_OK:
		o.last = fmt.Errorf("%s: under way", address)
	default:
		o.last = fmt.Errorf("%s: %s", address, a.code)
	}
	redirected := o.redirected
	o.redirected = false
	switch a.code {
	case kvpb.Code_OK, kvpb.Code_OVERLOADED:
		o.doubt = o.doubt || a.code == kvpb.Code_OK
		return address
	case kvpb.Code_NOT_LEADER, kvpb.Code_UNAVAILABLE, kvpb.Code_WRONG_PARTITION:
	default:
		o.doubt = true
	}
	if a.leader == "" || a.leader == address {
		return ""
	}
	o.redirected = !redirected
	return a.leader
}

// outOfTime is the error when ctx has ended (CLUS-2).
func (o *operator) outOfTime(ctx context.Context, what string) error {
	ended := "in time"
	if errors.Is(ctx.Err(), context.Canceled) {
		ended = "before it was interrupted"
	}
	if o.last == nil {
		o.last = errors.New("no node was asked")
	}
	if !o.doubt {
		return exit.With(exit.NotApplied, fmt.Errorf("cannot %s: no node took the request %s (nothing was changed); the last word was: %w", what, ended, o.last),
			"`holdfast cluster status` shows who leads and whether a change is under way; --endpoints names other nodes, --wait gives it more time")
	}
	return exit.With(exit.Unknown, fmt.Errorf("it is not known to be done %s: %s; the last word was: %w", ended, what, o.last),
		"what has begun goes on by itself; the same command again, as often as you like, waits for it; `holdfast cluster status` shows it")
}

// once asks one node. sent tells whether it may have heard of it, also where err is set.
func (o *operator) once(ctx context.Context, address string, ask call) (a answer, sent bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, o.callTime)
	defer cancel()
	var watch sendWatch
	conn, err := grpc.NewClient("passthrough:///"+address, append(grpcio.DialOptions(nil), grpc.WithStatsHandler(&watch))...)
	if err != nil {
		return answer{}, false, err
	}
	defer conn.Close()
	a, err = ask(ctx, kvpb.NewClusterClient(conn))
	return a, watch.sent.Load(), err
}

// sendWatch notices whether a request that changes something left: an error alone does not tell.
type sendWatch struct{ sent atomic.Bool }

type question struct{}

func (w *sendWatch) TagRPC(ctx context.Context, info *stats.RPCTagInfo) context.Context {
	return context.WithValue(ctx, question{}, info.FullMethodName == kvpb.Cluster_Status_FullMethodName)
}

func (w *sendWatch) HandleRPC(ctx context.Context, s stats.RPCStats) {
	if _, out := s.(*stats.OutHeader); out && ctx.Value(question{}) == false {
		w.sent.Store(true)
	}
}

func (w *sendWatch) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

func (w *sendWatch) HandleConn(context.Context, stats.ConnStats) {}

// plainly is the cause without what gRPC says around it.
func plainly(err error) string {
	s := status.Convert(err)
	if s.Code() == codes.DeadlineExceeded || s.Code() == codes.Canceled {
		return "it does not answer"
	}
	if _, cause, found := strings.Cut(s.Message(), "connect: "); found {
		return strings.Trim(cause, `"`)
	}
	return s.Message()
}

// changing makes a call of a change of members.
func changing(req *kvpb.ChangeMembersRequest) call {
	return func(ctx context.Context, c kvpb.ClusterClient) (answer, error) {
		resp, err := c.ChangeMembers(ctx, req)
		return answer{code: resp.GetCode(), message: resp.GetMessage(), leader: resp.GetLeaderAddress(), done: resp.GetDone()}, err
	}
}

// handingOver makes a call of a transfer of the leadership. It is done when the node that was named
// says that it leads, or, where none was, one that was elected after the term given. What a node says
// of others does not count: it may be cut off and not up to date.
func handingOver(to, term uint64) call {
	return func(ctx context.Context, c kvpb.ClusterClient) (answer, error) {
		s, err := c.Status(ctx, &kvpb.StatusRequest{})
		if err != nil {
			return answer{}, err
		}
		if g := group(s); leading(g) && (s.Node == to || to == 0 && g.Term > term) {
			return answer{done: true, leads: s.Node}, nil
		}
		resp, err := c.TransferLeader(ctx, &kvpb.TransferLeaderRequest{ToNode: to})
		a := answer{code: resp.GetCode(), message: resp.GetMessage(), leader: resp.GetLeaderAddress(), leads: resp.GetLeaderNode()}
		a.done = a.code == kvpb.Code_OK && a.leads != 0 && (to == 0 || a.leads == to)
		return a, err
	}
}
