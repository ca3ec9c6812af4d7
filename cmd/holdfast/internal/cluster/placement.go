package cluster

import (
	"slices"

	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// Placement is where the partitions of a cluster are and are to be, in the form of the output.
type Placement struct {
	// Driver is the node that told it, if it drives the placement, which is the leader of the metadata group; else it
	// is 0, and what only the driver knows is missing: what is held, phases, bytes, silences.
	Driver       uint64 `json:"driver"`
	TableVersion uint64 `json:"table_version"`
	Partitions   uint32 `json:"partitions"`
	Replicas     uint32 `json:"replicas"`
	// LeftMS is an estimate of the milliseconds until all is where it is to be, 0 if nothing moves or it is not known.
	LeftMS uint64        `json:"left_ms,omitempty"`
	Nodes  []PlacedNode  `json:"nodes"`
	Groups []PlacedGroup `json:"groups"`
}

// PlacedNode is a node and what it holds.
type PlacedNode struct {
	Node    uint64 `json:"node"`
	Address string `json:"address,omitempty"`
	// State is "up", "draining" or "removed", as the table says.
	State  string `json:"state"`
	Weight uint32 `json:"weight"`
	Zone   string `json:"zone,omitempty"`
	// Wanted, Held and Leads count the partitions that it is to hold, holds and leads; the metadata group is none.
	Wanted uint32  `json:"wanted"`
	Held   *uint32 `json:"held,omitempty"`
	Leads  uint32  `json:"leads"`
	// Alive: it reported to the driver, and lately enough not to count as dead. SilentMS is how long ago it did, or
	// for how long the driver waits for it to.
	Alive *bool `json:"alive,omitempty"`
	// Dead: it was silent for so long that its copies are made anew elsewhere.
	Dead     bool    `json:"dead,omitempty"`
	SilentMS *uint64 `json:"silent_ms,omitempty"`
}

// PlacedGroup is a partition, or the metadata group.
type PlacedGroup struct {
	Group    uint64   `json:"group"`
	Metadata bool     `json:"metadata,omitempty"`
	Epoch    uint64   `json:"epoch"`
	Wanted   []uint64 `json:"wanted"`
	Holds    []uint64 `json:"holds,omitempty"`
	// Leader is 0 if none is known.
	Leader uint64 `json:"leader"`
	Phase  string `json:"phase,omitempty"`
	// BytesDone of BytesTotal have been copied for what is under way.
	BytesDone  uint64 `json:"bytes_done,omitempty"`
	BytesTotal uint64 `json:"bytes_total,omitempty"`
	// Copies are those that are still to be made.
	Copies uint32 `json:"copies_left,omitempty"`
}

// placementOf puts an answer into the form of the output.
func placementOf(r *kvpb.PlacementResponse) *Placement {
	p := &Placement{
		TableVersion: r.TableVersion, Partitions: r.Partitions, Replicas: r.Replicas, LeftMS: r.LeftMs,
		Nodes: []PlacedNode{}, Groups: []PlacedGroup{},
	}
	for _, n := range r.Nodes {
		is := PlacedNode{Node: n.Node, Address: n.Address, State: n.State, Weight: n.Weight, Zone: n.Zone, Wanted: n.Wanted, Leads: n.Led}
		if r.Driver && n.State != stateRemoved {
			is.Held, is.Alive, is.Dead, is.SilentMS = &n.Held, &n.Alive, n.Dead, &n.SilentMs
		}
		p.Nodes = append(p.Nodes, is)
	}
	for _, g := range r.Groups {
		p.Groups = append(p.Groups, PlacedGroup{
			Group: g.Group, Metadata: g.Metadata, Epoch: g.Epoch, Wanted: g.Wanted, Holds: g.Holds, Leader: g.Leader, Phase: g.Phase,
			BytesDone: g.BytesDone, BytesTotal: g.BytesTotal, Copies: g.Copies,
		})
		if g.Metadata && r.Driver {
			p.Driver = g.Leader
		}
	}
	return p
}

// The states of a node in the table.
const (
	stateDraining = "draining"
	stateRemoved  = "removed"
)

// known tells whether the driver answered.
func (p *Placement) known() bool { return p.Driver != 0 }

// node is the record of a node, nil if there is none.
func (p *Placement) node(id uint64) *PlacedNode {
	if i := slices.IndexFunc(p.Nodes, func(n PlacedNode) bool { return n.Node == id }); i >= 0 {
		return &p.Nodes[i]
	}
	return nil
}

// metadata is the metadata group, nil if it has no record.
func (p *Placement) metadata() *PlacedGroup {
	if i := slices.IndexFunc(p.Groups, func(g PlacedGroup) bool { return g.Metadata }); i >= 0 {
		return &p.Groups[i]
	}
	return nil
}

// quiet is how long, in milliseconds, a node may be silent and be shown as any other: it reports about once a second.
const quiet = 3000

// silent tells whether the driver misses the node.
func (n *PlacedNode) silent() bool { return n.SilentMS != nil && *n.SilentMS >= quiet }

// dead tells whether it is missed for so long that its copies are made anew elsewhere.
func (n *PlacedNode) dead() bool { return n.Dead }

// usable tells whether the node is to hold its share.
func (n *PlacedNode) usable() bool { return n.State == stateUp && !n.dead() }

// usable counts the nodes that are to hold their share.
func (p *Placement) usable() (n int) {
	for i := range p.Nodes {
		if p.Nodes[i].usable() {
			n++
		}
	}
	return n
}

// shown is how the node is, in a word or two.
func (n *PlacedNode) shown() string {
	word := ""
	switch {
	case n.dead():
		word = "dead"
	case n.silent():
		word = "silent"
	default:
		return n.State
	}
	if n.State == stateUp {
		return word
	}
	return word + ", " + n.State
}
