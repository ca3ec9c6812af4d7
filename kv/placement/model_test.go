package placement

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// chaos does things to a cluster that happen to clusters.
type chaos struct {
	*simWorld
	rt *rapid.T
	// known are the ids that were ever used.
	known int
	// seen counts what happened, to show that the model does not stand still.
	seen map[string]int
}

func (c *chaos) node() *simNode {
	ids := c.ids()
	return c.nodes[ids[rapid.IntRange(0, len(ids)-1).Draw(c.rt, "node")]]
}

// rounds lets some time pass, in which more or less goes well.
func (c *chaos) rounds() {
	percent := rapid.SampledFrom([]int{30, 70, 95}).Draw(c.rt, "percent")
	for range rapid.IntRange(1, 12).Draw(c.rt, "rounds") {
		c.round(percent)
	}
}

// stop takes a node away for a while, start brings it back with what it had.
func (c *chaos) stop() { c.node().up = false }

func (c *chaos) start() {
	if n := c.node(); !n.destroyed {
		n.up = true
	}
}

// wipe takes a node's data, if that loses none. A group that is about to begin on that node alone would be lost
// with it.
func (c *chaos) wipe() {
	n, s := c.node(), c.state()
	begun := len(c.groups) == s.Cluster.Partitions+1
	if begun && !n.destroyed && c.expendable(n.id, (*simGroup).intact) {
		n.wipe()
		n.up = true
		c.seen["wiped"]++
	}
}

func (c *chaos) join() {
	c.known++
	id := uint64(c.known)
	c.addNode(id)
	n := plain(id)
	n.Zone = rapid.SampledFrom([]string{"", "", "a", "b"}).Draw(c.rt, "zone")
	c.ledger.do(Join(c.state(), n, false, Evidence{}))
}

// command asks for something that may be refused.
func (c *chaos) command(txn Txn, err error) {
	if err != nil {
		require.ErrorIs(c.t, err, ErrRefused)
		c.seen["refused"]++
		return
	}
	c.ledger.do(txn, nil)
}

// retire removes a node that is drained, if it is done.
func (c *chaos) retire() {
	for _, n := range c.state().Nodes {
		if n.State == Draining && c.nodes[n.ID].up && c.remove(c.nodes[n.ID], false) {
			for group, r := range c.nodes[n.ID].disk.replicas {
				_, member := c.groups[group].config().Member(r.id)
				require.False(c.t, member, "node %d was removed and is a member of group %d", n.ID, group)
			}
			return
		}
	}
}

// bury removes a node that died for good, by force.
func (c *chaos) bury() {
	n := c.node()
	if n.destroyed || !c.expendable(n.id, (*simGroup).intact) {
		return
	}
	n.up = false
	c.linger()
	if c.expendable(n.id, (*simGroup).intact) {
		n.destroyed = c.remove(n, true)
	}
}

func (c *chaos) remove(n *simNode, force bool) bool {
	txn, err := Remove(c.state(), n.id, force, c.driver.Evidence(c.now, c.state(), n.id))
	c.command(txn, err)
	if err != nil || txn.Empty() {
		return false
	}
	c.seen["removed"]++
	return true
}

// linger lets so much time pass that who is away is dead.
func (c *chaos) linger() {
	for range 13 {
		c.round(95)
	}
}

// failover makes a new driver; the old one goes on for a while.
func (c *chaos) failover() {
	c.deposed, c.driver = c.driver, New(c.cfg, c.now)
	c.seen["driver"]++
}

// stale lets a driver decide on an old table, or one that is no longer the driver on the present one.
func (c *chaos) stale() {
	d := c.driver
	if c.deposed != nil && rapid.Bool().Draw(c.rt, "deposed") {
		d = c.deposed
		for range rapid.IntRange(0, 3).Draw(c.rt, "heard") {
			if n := c.node(); n.up {
				c.heard(d, n.report())
			}
		}
	}
	c.state()
	back := rapid.IntRange(0, min(3, len(c.states)-1)).Draw(c.rt, "back")
	c.step(d, c.states[len(c.states)-1-back])
}

// late delivers old reports, some of them again.
func (c *chaos) late() {
	for _, r := range c.mail {
		if rapid.Bool().Draw(c.rt, "delivered") {
			c.heard(c.driver, r)
		}
	}
	c.mail = nil
	for _, id := range c.ids() {
		if n := c.nodes[id]; n.up {
			c.mail = append(c.mail, n.report())
		}
	}
}

// absent lets a node be away for so long that it is dead.
func (c *chaos) absent() {
	n := c.node()
	n.up = false
	c.linger()
	n.up = !n.destroyed
}

func (c *chaos) act() {
	id := c.node().id
	switch a := rapid.IntRange(0, 17).Draw(c.rt, "action"); a {
	case 0:
		c.stop()
	case 1, 2:
		c.start()
	case 3:
		c.wipe()
	case 4, 5:
		if c.known < 8 {
			c.join()
		}
	case 6:
		c.command(Drain(c.state(), id))
	case 7:
		c.command(Undrain(c.state(), id))
	case 8:
		c.retire()
	case 9:
		c.bury()
	case 10:
		c.command(SetWeight(c.state(), id, rapid.SampledFrom([]uint32{50, 100, 200}).Draw(c.rt, "weight")))
	case 11:
		c.command(SetZone(c.state(), id, rapid.SampledFrom([]string{"", "a", "b", "c"}).Draw(c.rt, "zone")))
	case 12:
		c.failover()
	case 13:
		c.late()
	case 14:
		c.absent()
	case 15:
		for _, id := range c.groupIDs() {
			if c.chance(30) {
				c.groups[id].elect()
			}
		}
	default:
		c.stale()
	}
	c.rounds()
}

// heal ends the faults. A node stays away if every group can do without it.
func (c *chaos) heal() {
	for _, n := range c.nodes {
		n.up = !n.destroyed
	}
	c.deposed = nil
	for range 30 {
		c.round(100)
	}
	n := c.node()
	was := n.up
	if n.up = false; rapid.Bool().Draw(c.rt, "away") && len(c.ring()) > 0 && c.expendable(n.id, (*simGroup).alive) {
		c.seen["away"]++
		return
	}
	n.up = was
}

// change makes one change, from rest.
func (c *chaos) change() {
	id := c.node().id
	switch rapid.IntRange(0, 3).Draw(c.rt, "change") {
	case 0:
		c.join()
	case 1:
		if ring := c.ring(); len(ring) > 1 || ring[0].ID != id {
			c.command(Drain(c.state(), id))
		}
	case 2:
		c.command(SetWeight(c.state(), id, 250))
	default:
		c.command(SetZone(c.state(), id, "d"))
	}
}

// Goal: whatever happens to nodes and drivers, epochs only grow, decisions on old tables change nothing, moves are
// bounded, no replica that is or may become a member is called gone, what is wanted is sound; and when the faults
// end, all is where hashing wants it, with nothing left over; a change from there copies as little as is possible.
// Method: a simulated cluster with random faults, delays and commands, checked at each step (simWorld.checkStep,
// answered, checkSwap) and at rest.
func TestPlacementSurvivesWhatHappensToClusters(t *testing.T) {
	seen := map[string]int{}
	rapid.Check(t, func(rt *rapid.T) {
		nodes := rapid.IntRange(1, 5).Draw(rt, "nodes")
		var ids []uint64
		for i := range nodes {
			ids = append(ids, uint64(i+1))
		}
		cluster := Cluster{
			Partitions: rapid.IntRange(1, 6).Draw(rt, "partitions"), Replicas: rapid.IntRange(1, 5).Draw(rt, "replicas"), Seed: 42,
		}
		w := newSim(rt, rapid.Uint64().Draw(rt, "seed"), cluster, ids...)
		w.cfg.MaxMoves = rapid.IntRange(1, 3).Draw(rt, "moves")
		w.cfg.MaxMovesPerNode = rapid.IntRange(1, 2).Draw(rt, "movesPerNode")
		w.driver = New(w.cfg, w.now)
		c := &chaos{simWorld: w, rt: rt, known: nodes, seen: seen}
		for range rapid.IntRange(0, 25).Draw(rt, "actions") {
			c.act()
		}
		c.heal()
		c.rest()
		c.requireRest()
		c.quiet = true
		c.requireChange(c.change)
		seen["conflicts"] += w.refused
		seen["versions"] += len(w.states)
	})
	for _, what := range []string{"wiped", "refused", "removed", "driver", "conflicts", "away"} {
		require.Positive(t, seen[what], "the model never had this: %s", what)
	}
	t.Log(seen)
}
