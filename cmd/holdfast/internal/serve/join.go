package serve

import (
	"context"
	"fmt"
	"maps"
	"net"
	"strings"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/store"
	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/kvpb"
	"github.com/holdfastdb/holdfast/kv/server"
)

// checkJoining says which of --join, --rejoin and --new contradict each other, and which of them the other nodes
// could not answer.
func (o *options) checkJoining(members map[env.NodeID]string) error {
	for _, address := range o.join {
		if err := store.CheckAddress(address); err != nil {
			return exit.Usagef("give nodes of the running cluster as in --join 127.0.0.1:7001,127.0.0.1:7002", "--join: %w", err)
		}
	}
	if len(o.join) == 0 && !o.rejoin {
		return nil
	}
	if o.fresh == freshYes {
		return exit.Usagef("leave --new out: it is for the nodes that a cluster begins with", "--new and --join or --rejoin contradict each other")
	}
	own := members[env.NodeID(o.id)]
	if host, _, err := net.SplitHostPort(own); err == nil {
		if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
			return exit.Usagef(fmt.Sprintf("add --peers %d=HOST:PORT with the address at which the others reach this node", o.id),
				"the other nodes cannot call back at %s", own)
		}
	}
	if o.rejoin && len(o.join) == 0 && len(members) == 1 && !hasData(o.data) {
		return exit.Usagef("name the other nodes with --peers, or one of them with --join", "--rejoin: no other node is known to ask")
	}
	return nil
}

// askCluster has a node that is no member yet, or that lost its disk, learn from the nodes at --join where the members
// are, and refuses what cannot go well. A node that has data knows the members and is only helped (SERVE-3).
func (o *options) askCluster(ctx context.Context, cfg *server.Config) error {
	if len(o.join) == 0 {
		return nil
	}
	var told []testimony
	var silent []string
	for _, t := range hearAll(ctx, o.join) {
		if t.err != nil {
			silent = append(silent, fmt.Sprintf("%s: %v", t.endpoint, t.err))
			continue
		}
		told = append(told, t)
		maps.Copy(cfg.Members, o.addressesIn(t.status, t.endpoint))
	}
	if hasData(o.data) {
		return nil
	}
	if len(told) == 0 {
		return exit.With(exit.NotApplied, fmt.Errorf("node %d cannot join: no node answers at --join (%s)", o.id, strings.Join(silent, "; ")),
			"start it again when a node of the cluster runs at one of these addresses")
	}
	return o.judgeCluster(told)
}

// addressesIn are the other nodes that a node knows, and itself where it was asked.
func (o *options) addressesIn(s *kvpb.NodeStatus, asked string) map[env.NodeID]string {
	found := map[env.NodeID]string{}
	if s.Node != 0 {
		found[env.NodeID(s.Node)] = asked
	}
	for _, m := range s.Members {
		if m.PeerAddress != "" {
			found[env.NodeID(m.Node)] = m.PeerAddress
		}
	}
	delete(found, env.NodeID(o.id))
	return found
}

// judgeCluster tells whether the cluster that answered is one that this node, whose directory is empty, can join as the
// operator says.
func (o *options) judgeCluster(told []testimony) error {
	working := false
	for i := range told {
		known, next, why := o.judge(&told[i])
		if why != "" {
			return o.cannotJoin(next, why)
		}
		working = working || known
	}
	if !working {
		return o.cannotJoin("name members of the running cluster with --join", "none of the nodes at --join is a member of the cluster")
	}
	return nil
}

func (o *options) cannotJoin(next, why string) error {
	return exit.With(exit.Failure, fmt.Errorf("node %d cannot join: %s", o.id, why), next)
}

// judge tells why, as far as one node knows, the cluster cannot be joined, and what to do; known is false if that one is no
// member itself.
func (o *options) judge(t *testimony) (known bool, next, why string) {
	s := t.status
	is, known := t.member(o.id)
	switch {
	case s.Cluster != server.ClusterID(o.cluster):
		return known, "correct --cluster or --join", fmt.Sprintf("node %d is of cluster %q, this node is of cluster %q", s.Node, s.ClusterName, o.cluster)
	case s.Node == o.id:
		return known, "give this node an id of its own with --id", fmt.Sprintf("the node that answers at --join is node %d itself", o.id)
	case s.Sharded && o.partitions == 0:
		return known, "start it without --partitions 0", fmt.Sprintf("cluster %q has partitions, and this node is for one of one group", o.cluster)
	case !s.Sharded && o.partitions > 0:
		return known, "start it with --partitions 0", fmt.Sprintf("cluster %q is one group, and this node is for one with partitions", o.cluster)
	case t.removed(o.id):
		return known, removedNext, fmt.Sprintf("node %d says that node %d was removed from the cluster", s.Node, o.id)
	case is && !o.rejoin:
		return known, "check --data and that the disk is mounted; if its data is lost, start it with --rejoin. A new node gets an id of its own with --id",
			fmt.Sprintf("its data directory %s is empty, but node %d says that node %d is a member already", o.data, s.Node, o.id)
	case known && !is && o.rejoin:
		next = "start it without --rejoin"
		if !s.Sharded {
			next += ", and add it with `holdfast cluster add`"
		}
		return known, next, fmt.Sprintf("--rejoin is for a member that lost its data, but node %d says that node %d is no member", s.Node, o.id)
	}
	return known, "", ""
}
