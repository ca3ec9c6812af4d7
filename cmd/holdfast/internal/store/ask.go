package store

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/holdfastdb/holdfast/kv/grpcio"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// askTime bounds the question to one node, so that a silent one does not use up
// the time for the others.
const askTime = 2 * time.Second

// Status asks the endpoints, and then the members they name, in the order of node
// ids; those that do not answer come last.
func (r *remote) Status(ctx context.Context) ([]NodeReport, error) {
	reports := Ask(ctx, r.endpoints)
	var more []string
	for _, rep := range reports {
		for _, m := range rep.Status.GetMembers() {
			if !slices.Contains(r.endpoints, m.ClientAddress) && !slices.Contains(more, m.ClientAddress) {
				more = append(more, m.ClientAddress)
			}
		}
	}
	reports = append(reports, Ask(ctx, more)...)
	slices.SortStableFunc(reports, func(a, b NodeReport) int {
		// Node ids start at 1; 0-1 is the largest number, for those without an answer.
		x, y := a.Status.GetNode()-1, b.Status.GetNode()-1
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	return dropTwins(reports), nil
}

// dropTwins keeps one report of each node: an endpoint may be another name of it.
func dropTwins(reports []NodeReport) []NodeReport {
	return slices.CompactFunc(reports, func(a, b NodeReport) bool {
		return a.Status != nil && b.Status != nil && a.Status.Node == b.Status.Node && a.Status.Cluster == b.Status.Cluster
	})
}

// Ask asks nodes at the same time, each for two seconds at most; the reports are in the order of the
// addresses.
func Ask(ctx context.Context, addresses []string) []NodeReport {
	reports := make([]NodeReport, len(addresses))
	var wg sync.WaitGroup
	for i, address := range addresses {
		wg.Go(func() {
			s, err := AskNode(ctx, address)
			reports[i] = NodeReport{Endpoint: address, Status: s, Err: err}
		})
	}
	wg.Wait()
	return reports
}

// AskNode asks one node for its status, for two seconds at most.
func AskNode(ctx context.Context, address string) (*kvpb.NodeStatus, error) {
	return ask(ctx, address, func(ctx context.Context, c kvpb.ClusterClient) (*kvpb.NodeStatus, error) {
		return c.Status(ctx, &kvpb.StatusRequest{})
	})
}

// AskPlacement asks one node where partitions are and are to be, for two seconds at most. A node that cannot tell says
// so in the answer.
func AskPlacement(ctx context.Context, address string) (*kvpb.PlacementResponse, error) {
	return ask(ctx, address, func(ctx context.Context, c kvpb.ClusterClient) (*kvpb.PlacementResponse, error) {
		return c.Placement(ctx, &kvpb.PlacementRequest{})
	})
}

func ask[A any](ctx context.Context, address string, question func(context.Context, kvpb.ClusterClient) (*A, error)) (*A, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	conn, err := grpc.NewClient("passthrough:///"+address, grpcio.DialOptions(nil)...)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	answer, err := question(ctx, kvpb.NewClusterClient(conn))
	if err != nil {
		return nil, errors.New(briefly(status.Convert(err)))
	}
	return answer, nil
}

// briefly leaves out what gRPC and the network say around the cause.
func briefly(s *status.Status) string {
	message := s.Message()
	if s.Code() == codes.DeadlineExceeded {
		return "it does not answer"
	}
	for _, around := range []string{"connect: ", "desc = "} {
		if _, cause, found := strings.Cut(message, around); found {
			return strings.Trim(cause, `"`)
		}
	}
	return message
}
