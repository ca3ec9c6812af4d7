package live

import (
	"fmt"

	"github.com/cespare/xxhash/v2"

	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/kv/kvpb"
	"github.com/holdfastdb/holdfast/kv/placement"
)

// oraclePlacement is the oracle of where partitions are, named as in the simulation (oracle.Placement).
const oraclePlacement = "placement"

// tables is what is known of the tables of partitions: within one process they only get newer, from one to the next epochs do not
// go back, and all nodes have the same under one version.
type tables struct {
	// hashes are those of the tables by version.
	hashes map[uint64]uint64
	// had is what each node had last, in its current start.
	had map[uint64]tableOf
}

type tableOf struct {
	start   int
	version uint64
	// epochs are those of the groups of the last whole table, of version of.
	epochs map[uint64]uint64
	of     uint64
}

func newTables() tables {
	return tables{hashes: map[uint64]uint64{}, had: map[uint64]tableOf{}}
}

// version takes in the version of the table that a node has; 0 is none.
func (t *tables) version(id uint64, start int, version uint64) *verdict.Violation {
	if version == 0 {
		return nil
	}
	had := t.had[id]
	if had.start != start {
		had = tableOf{start: start}
	}
	if version < had.version {
		return verdict.Violationf(oraclePlacement, "table-goes-back", "node %d had the table of version %d, and now that of version %d",
			id, had.version, version).On(placement.MetaGroup, id)
	}
	had.version = version
	t.had[id] = had
	return nil
}

// observe takes in a whole table.
func (t *tables) observe(id uint64, start int, p *kvpb.PlacementResponse) *verdict.Violation {
	if p.Code != kvpb.Code_OK {
		return nil
	}
	if v := t.version(id, start, p.TableVersion); v != nil {
		return v
	}
	hash := hashOf(p)
	if known, ok := t.hashes[p.TableVersion]; ok && known != hash {
		return verdict.Violationf(oraclePlacement, "two-tables", "nodes have different tables of version %d", p.TableVersion).On(placement.MetaGroup, id)
	}
	t.hashes[p.TableVersion] = hash
	had := t.had[id]
	was, of := had.epochs, had.of
	had.epochs, had.of = map[uint64]uint64{}, p.TableVersion
	for _, g := range p.Groups {
		had.epochs[g.Group] = g.Epoch
	}
	t.had[id] = had
	for group, epoch := range was {
		if is, ok := had.epochs[group]; !ok || is < epoch {
			return verdict.Violationf(oraclePlacement, "epoch-goes-back", "group %d had epoch %d in table %d, and has not in table %d",
				group, epoch, of, p.TableVersion).On(group, 0)
		}
	}
	return nil
}

// hashOf is a hash of what the table says, without what only a driver knows.
func hashOf(p *kvpb.PlacementResponse) uint64 {
	h := xxhash.New()
	fmt.Fprintln(h, p.Partitions, p.Replicas)
	for _, n := range p.Nodes {
		fmt.Fprintf(h, "%d %q %q %d %q %d\n", n.Node, n.Address, n.State, n.Weight, n.Zone, n.Store)
	}
	for _, g := range p.Groups {
		fmt.Fprintln(h, g.Group, g.Epoch, g.Wanted)
	}
	return h.Sum64()
}
