package cluster

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/config"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/style"
	"github.com/holdfastdb/holdfast/hashing"
	"github.com/holdfastdb/holdfast/kv/kvpb"
	"github.com/holdfastdb/holdfast/kv/placement"
)

// mover is a Mover that tells the user how far it is; the function ends the telling.
func (s *commands) mover() (*Mover, func()) {
	m := s.asker()
	say, end := Follow(s.streams)
	m.Patience, m.Say = s.wait, say
	return m, end
}

// done ends a command that changes something.
func (s *commands) done(is bool, format string, args ...any) error {
	if *s.format == style.JSON {
		return style.PrintJSON(s.streams.Out, map[string]bool{"done": is})
	}
	s.streams.Data(format, args...)
	return nil
}

func (s *commands) drain() *cobra.Command {
	var noWait bool
	c := &cobra.Command{
		Use:   "drain NODE",
		Short: "Bring all that a node holds to the other nodes",
		Long: "Bring all that a node holds to the other nodes, while the cluster goes on. The node stays in the cluster and gets nothing\n" +
			"new, until `undrain`. The command ends when the node holds nothing any more; it goes on as long as something moves.",
		Example: "  holdfast cluster drain 4\n  holdfast cluster drain 4 --no-wait && holdfast cluster rebalance --watch",
		Args:    exit.Args(1, 1),
	}
	c.Flags().BoolVar(&noWait, "no-wait", false, "end as soon as it is recorded")
	config.Argument(c.Flags(), "no-wait")
	c.RunE = func(c *cobra.Command, args []string) error {
		id, err := s.movable(c.Context(), "drain", args[0])
		if err != nil {
			return err
		}
		m, end := s.mover()
		defer end()
		s.warn(c.Context(), m, id)
		if noWait {
			if err := m.Manage(c.Context(), fmt.Sprintf("drain node %d", id), &kvpb.ManageNodeRequest{Node: id, Action: kvpb.NodeAction_DRAIN}); err != nil {
				return err
			}
			return s.done(false, "Node %d is being drained; `holdfast cluster rebalance --watch` shows how far it is.", id)
		}
		if err := m.Drain(c.Context(), id); err != nil {
			return err
		}
		end()
		return s.done(true, "Node %d is drained: it holds nothing any more.", id)
	}
	return c
}

// warn says beforehand what emptying a node costs.
func (s *commands) warn(ctx context.Context, m *Mover, id uint64) {
	p, err := m.Ask(ctx)
	if err != nil {
		return // the command itself will say so
	}
	n := p.node(id)
	if n == nil || !n.usable() {
		return
	}
	if rest := p.usable() - 1; rest > 0 && rest < int(p.Replicas) {
		s.streams.Talk("warning: without node %d there %s for %d copies: partitions will have %s until another node joins",
			id, are(rest, "node", "nodes"), p.Replicas, plural(rest, "copy", "copies"))
	}
}

// movable checks the settings of a command on a node, and that the cluster has partitions.
func (s *commands) movable(ctx context.Context, verb, arg string) (uint64, error) {
	id, err := nodeID(arg)
	if err != nil {
		return 0, err
	}
	if err := s.check(); err != nil {
		return 0, err
	}
	return id, s.partitioned(ctx, fmt.Sprintf("%s node %d", verb, id))
}

// record is a command that is done when the cluster has noted it.
func (s *commands) record(ctx context.Context, verb, arg, now string, req *kvpb.ManageNodeRequest) error {
	id, err := s.movable(ctx, verb, arg)
	if err != nil {
		return err
	}
	m, end := s.mover()
	defer end()
	req.Node = id
	if err := m.Manage(ctx, fmt.Sprintf("%s node %d", verb, id), req); err != nil {
		return err
	}
	end()
	return s.done(true, "Node %d %s.", id, now)
}

func (s *commands) undrain() *cobra.Command {
	return &cobra.Command{
		Use:     "undrain NODE",
		Short:   "Take a drained node back into use",
		Long:    "Take `drain` back: the node gets its share again. The command ends when that is recorded; `rebalance` shows what moves.",
		Example: "  holdfast cluster undrain 4",
		Args:    exit.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			return s.record(c.Context(), "undrain", args[0], "is in use", &kvpb.ManageNodeRequest{Action: kvpb.NodeAction_UNDRAIN})
		},
	}
}

func (s *commands) weight() *cobra.Command {
	return &cobra.Command{
		Use:   "weight NODE N",
		Short: fmt.Sprintf("Set how much a node is to hold in relation to the others (1 to %d, ordinarily %d)", hashing.MaxWeight, hashing.DefaultWeight),
		Long: "Set how much a node is to hold in relation to the others. The command ends when that is recorded; `ring` shows what it\n" +
			"makes of the shares, `rebalance` what moves.",
		Example: "  holdfast cluster weight 4 200       # twice as much as others",
		Args:    exit.Args(2, 2),
		RunE: func(c *cobra.Command, args []string) error {
			n, err := strconv.ParseUint(args[1], 10, 32)
			if err != nil || n < 1 || n > hashing.MaxWeight {
				return exit.Usagef("give it as in `holdfast cluster weight 4 200`; to take everything off a node, drain it",
					"%q is not a weight, a number from 1 to %d", args[1], hashing.MaxWeight)
			}
			return s.record(c.Context(), "set the weight of", args[0], fmt.Sprintf("has weight %d now", n),
				&kvpb.ManageNodeRequest{Action: kvpb.NodeAction_SET_WEIGHT, Weight: uint32(n)})
		},
	}
}

func (s *commands) zone() *cobra.Command {
	return &cobra.Command{
		Use:   "zone NODE ZONE",
		Short: "Say what a node fails together with, as a rack or a building",
		Long: "Say what a node fails together with. The copies of a partition are spread over zones as evenly as can be; a node\n" +
			"without one (\"\") fails alone. The command ends when that is recorded; `rebalance` shows what moves.",
		Example: "  holdfast cluster zone 4 rack-7\n  holdfast cluster zone 4 ''",
		Args:    exit.Args(2, 2),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args[1]) > placement.MaxZone {
				return exit.Usagef("take a shorter name", "the zone has %d bytes, and may have %d", len(args[1]), placement.MaxZone)
			}
			now := fmt.Sprintf("is in zone %s now", style.Bytes([]byte(args[1])))
			if args[1] == "" {
				now = "is in no zone now"
			}
			return s.record(c.Context(), "set the zone of", args[0], now, &kvpb.ManageNodeRequest{Action: kvpb.NodeAction_SET_ZONE, Zone: args[1]})
		},
	}
}

func (s *commands) remove() *cobra.Command {
	var force bool
	c := &cobra.Command{
		Use:   "remove NODE",
		Short: "Remove a node, for ever",
		Long: "Remove a node from the cluster; it may be down, and it may be the leader. Ids are never used again.\n\n" +
			"Where there are partitions, all that the node holds is first brought to the others, as by `drain`; the command goes on\n" +
			"as long as something moves. With --force a dead node is removed at once, and what it held is made anew from the other\n" +
			"copies. No node is removed without which a partition has no majority.\n\n" +
			"In a cluster of one group a majority of the old members and one of the new ones must be up. The node keeps its\n" +
			"data directory and takes no part any more: stop it afterwards.",
		Example: "  holdfast cluster remove 3\n  holdfast cluster remove 3 --force",
		Args:    exit.Args(1, 1),
	}
	c.Flags().BoolVar(&force, "force", false, "the node is dead and will not come back")
	config.Argument(c.Flags(), "force")
	c.RunE = func(c *cobra.Command, args []string) error {
		id, err := nodeID(args[0])
		if err != nil {
			return err
		}
		if err := s.check(); err != nil {
			return err
		}
		sharded, err := s.sharded(c.Context(), fmt.Sprintf("remove node %d", id))
		switch {
		case err != nil:
			return err
		case !sharded:
			return s.change(c.Context(), fmt.Sprintf("remove node %d", id), fmt.Sprintf("Node %d is removed.", id), removing(id))
		}
		m, end := s.mover()
		defer end()
		if !force {
			s.warn(c.Context(), m, id)
		}
		if err := m.Remove(c.Context(), id, force); err != nil {
			return err
		}
		end()
		return s.done(true, "Node %d is removed.", id)
	}
	return c
}

func removing(id uint64) *kvpb.ChangeMembersRequest {
	return &kvpb.ChangeMembersRequest{Change: &kvpb.ChangeMembersRequest_Remove{Remove: &kvpb.RemoveMember{Node: id}}}
}
