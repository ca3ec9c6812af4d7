package cluster

import "github.com/holdfastdb/holdfast/netsim"

// Wipe loses a node's whole disk: its process crashes, and every start from now on is
// that of a node that rejoins, as its operator would start it.
func (c *Cluster) Wipe(number int) {
	p := c.procs[number-1]
	p.Crash(netsim.PowerLoss)
	p.Disk().Wipe()
	if c.wiped == nil {
		c.wiped = make(map[int]bool)
	}
	c.wiped[number] = true
}

// Rejoins reports whether a node is to be started as one that rejoins.
func (c *Cluster) Rejoins(number int) bool { return c.wiped[number] }
