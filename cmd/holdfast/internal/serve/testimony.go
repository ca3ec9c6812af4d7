package serve

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/store"
	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/kvpb"
	"github.com/holdfastdb/holdfast/kv/placement"
)

// testimony is what a node said: of itself, and, where there are partitions, of the table that it has.
type testimony struct {
	endpoint string
	// status is nil if the node could not be asked; then err says why.
	status *kvpb.NodeStatus
	err    error
	// nodes are those of the table, also those that were removed; nil if the node has no table, or did not tell.
	nodes []*kvpb.PlacedNode
}

// hearAll asks nodes, all at once.
func hearAll(ctx context.Context, addresses []string) []testimony {
	heard := make([]testimony, len(addresses))
	var asked sync.WaitGroup
	for i, address := range addresses {
		asked.Go(func() {
			t := &heard[i]
			t.endpoint = address
			if t.status, t.err = store.AskNode(ctx, address); t.status.GetTableVersion() == 0 {
				return
			}
			if p, err := store.AskPlacement(ctx, address); err == nil && p.Code == kvpb.Code_OK {
				t.nodes = p.Nodes
			}
		})
	}
	asked.Wait()
	return heard
}

// record is what the table says of a node, nil if it does not know it.
func (t *testimony) record(id uint64) *kvpb.PlacedNode {
	if i := slices.IndexFunc(t.nodes, func(n *kvpb.PlacedNode) bool { return n.Node == id }); i >= 0 {
		return t.nodes[i]
	}
	return nil
}

// removed tells whether the table says that the node was removed.
func (t *testimony) removed(id uint64) bool {
	n := t.record(id)
	return n != nil && n.State == placement.Removed.String()
}

// member tells whether a node is a member, as far as this one knows; known is false if it is no member itself.
func (t *testimony) member(id uint64) (is, known bool) {
	switch {
	case t.nodes != nil:
		return t.record(id) != nil && !t.removed(id), true
	case t.status.TableVersion > 0: // it has a table, and did not tell
		return slices.ContainsFunc(t.status.Members, func(m *kvpb.Member) bool { return m.Node == id }), true
	}
	for _, g := range t.status.Groups {
		known = known || len(g.Configuration) > 0
		is = is || memberOf(g, id) != nil
	}
	return is, known
}

// memberOf is a node's part in the configuration of a group, nil if it has none.
func memberOf(g *kvpb.GroupStatus, id uint64) *kvpb.GroupMember {
	if i := slices.IndexFunc(g.Configuration, func(m *kvpb.GroupMember) bool { return m.Node == id }); i >= 0 {
		return g.Configuration[i]
	}
	return nil
}

// firstTerm is the term of the first leader of a cluster: its first entry, on which all first nodes agree, has the
// term before.
const firstTerm = 2

// partOf says why a node with an empty directory may have been part of a group, "" if nothing speaks for that: it has
// acknowledged entries, was added later, or there was more than one leader, of which it may have been one. complete
// says that no node but this one may have what others lack.
func partOf(g *kvpb.GroupStatus, teller uint64, self env.NodeID, complete bool) string {
	if m := memberOf(g, uint64(self)); m != nil && m.Generation > 0 {
		return fmt.Sprintf("node %d says that it was added in generation %d", teller, m.Generation)
	}
	if g.Commit > 0 && g.Term > firstTerm && !complete {
		return fmt.Sprintf("node %d is in term %d with %d entries committed", teller, g.Term, g.Commit)
	}
	for _, p := range g.Peers {
		if p.Node == uint64(self) && p.Match > 0 {
			return fmt.Sprintf("node %d has seen it acknowledge entries up to %d", teller, p.Match)
		}
	}
	return ""
}

// metadata is the node's part of the metadata group, nil if it has none.
func (t *testimony) metadata() *kvpb.GroupStatus {
	for _, g := range t.status.GetGroups() {
		if g.Group == placement.MetaGroup {
			return g
		}
	}
	return nil
}

// complete tells whether a leader of the metadata group says that all its voters but self have all that was
// committed. Then it does not matter what self may have acknowledged to an earlier leader, and forgot: leaders that change are
// usual there, as each one hands over to the node that the table prefers.
func complete(heard []testimony, self env.NodeID) bool {
	var leads *kvpb.GroupStatus
	for i := range heard {
		if g := heard[i].metadata(); g != nil && g.Role == "leader" && (leads == nil || g.Term > leads.Term) {
			leads = g
		}
	}
	if leads == nil {
		return false
	}
	for _, p := range leads.Peers {
		if p.Node != uint64(self) && p.Match < leads.Commit && slices.Contains(leads.Voters, p.Node) {
			return false
		}
	}
	return true
}
