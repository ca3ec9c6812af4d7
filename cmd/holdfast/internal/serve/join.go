package serve

import (
	"context"
	"fmt"
	"maps"
	"net"
	"slices"
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
	var told []*kvpb.NodeStatus
	var silent []string
	for _, r := range askAll(ctx, o.join) {
		if r.Err != nil {
			silent = append(silent, fmt.Sprintf("%s: %v", r.Endpoint, r.Err))
			continue
		}
		told = append(told, r.Status)
		maps.Copy(cfg.Members, o.addressesIn(r.Status, r.Endpoint))
	}
	if hasData(o.data) {
		return nil
	}
	if len(told) == 0 {
		return exit.With(exit.NotApplied, fmt.Errorf("node %d cannot join: no node answers at --join (%s)", o.id, strings.Join(silent, "; ")),
			"start it again when a node of the cluster runs at one of these addresses")
	}
	return o.judgeCluster(cfg, told)
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
func (o *options) judgeCluster(cfg *server.Config, told []*kvpb.NodeStatus) error {
	refused := func(next, format string, args ...any) error {
		return exit.With(exit.Failure, fmt.Errorf("node %d cannot join: "+format, append([]any{o.id}, args...)...), next)
	}
	working := false
	for _, s := range told {
		if s.Cluster != server.ClusterID(o.cluster) {
			return refused("correct --cluster or --join", "node %d is of cluster %q, this node is of cluster %q", s.Node, s.ClusterName, o.cluster)
		}
		if s.Node == o.id {
			return refused("give this node an id of its own with --id", "the node that answers at --join is node %d itself", o.id)
		}
		is, known := memberIn(s, o.id)
		working = working || known
		switch {
		case is && !o.rejoin:
			return refused("check --data and that the disk is mounted; if its data is lost, start it with --rejoin. A new node gets an id of its own with --id",
				"its data directory %s is empty, but node %d says that node %d is a member already", o.data, s.Node, o.id)
		case known && !is && o.rejoin:
			return refused("start it without --rejoin, and add it with `holdfast cluster add`",
				"--rejoin is for a member that lost its data, but node %d says that node %d is no member", s.Node, o.id)
		}
	}
	if !working {
		return refused("name members of the running cluster with --join", "none of the nodes at --join is a member of the cluster")
	}
	return nil
}

// memberIn tells whether a node is a member, as far as another one knows; known is false if that one is no member itself.
func memberIn(s *kvpb.NodeStatus, id uint64) (is, known bool) {
	for _, g := range s.Groups {
		known = known || len(g.Configuration) > 0
		is = is || slices.ContainsFunc(g.Configuration, func(m *kvpb.GroupMember) bool { return m.Node == id })
	}
	return is, known
}
