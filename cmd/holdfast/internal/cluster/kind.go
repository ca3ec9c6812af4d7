package cluster

import (
	"context"
	"fmt"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// sharded tells whether the cluster has partitions, as the first node says that answers.
func (s *commands) sharded(ctx context.Context, what string) (is bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.wait)
	defer cancel()
	_, err = newOperator(s.endpoints).run(ctx, what, func(ctx context.Context, c kvpb.ClusterClient) (answer, error) {
		st, err := c.Status(ctx, &kvpb.StatusRequest{})
		is = st.GetSharded()
		return answer{done: err == nil}, err
	})
	return is, err
}

// partitioned refuses what is only for a cluster with partitions (CLUS-7).
func (s *commands) partitioned(ctx context.Context, what string) error {
	is, err := s.sharded(ctx, what)
	if err != nil || is {
		return err
	}
	return exit.With(exit.Denied, fmt.Errorf("cannot %s: this cluster has no partitions, it is one group (nothing was changed)", what), oneGroupHas)
}

const oneGroupHas = "`holdfast cluster status` shows its members; `add`, `remove`, `promote`, `demote`, `priority` and `transfer-leader` change them"

// oneGroup refuses what is only for a cluster of one group, with what to do instead (CLUS-7).
func (s *commands) oneGroup(ctx context.Context, what, instead string) error {
	is, err := s.sharded(ctx, what)
	if err != nil || !is {
		return err
	}
	return exit.With(exit.Denied, fmt.Errorf("cannot %s: this cluster has partitions, which are placed by themselves (nothing was changed)", what), instead)
}
