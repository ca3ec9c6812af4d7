package osio

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/holdfastdb/holdfast/kv/datadir"
	"github.com/holdfastdb/holdfast/kv/env"
)

// IdentityFormat is the newest version of the data directory that this program writes and
// reads. Format 1 fixed the members of the cluster; format 2 is that of a cluster of one group, format 3 of
// one with partitions.
const IdentityFormat = 3

// format is the version of a directory with this identity.
func (id *Identity) format() int {
	if id.Sharded {
		return IdentityFormat
	}
	return 2
}

// identityFile is the name of the file that says whose directory it is.
const identityFile = "IDENTITY"

// Identity says which member of which cluster a data directory belongs to.
type Identity struct {
	Cluster     uint64
	ClusterName string
	Node        env.NodeID
	// Founders are the ids of the nodes that the cluster began with, in any order; none for a
	// node that joined later. A directory remembers those it was created with, whatever it is
	// opened with later (Dir.Founders): the first entry of its log is made of
	// them when it begins, and nodes with other founders are refused (grpcio.Peers.SetFounders).
	Founders []env.NodeID
	// Sharded says that the cluster has partitions. The same group number means something else where
	// it has not, so that a directory is only ever used in one way.
	Sharded bool
}

// dirState is how far the making of a data directory got.
type dirState string

const (
	// stateCreating: the log and the engine may not be there yet; nothing has
	// been promised to anyone.
	stateCreating dirState = "creating"
	// stateReady: the log and the engine are there, and must be from now on.
	stateReady dirState = "ready"
)

// identityJSON is the content of IDENTITY. The cluster id is hexadecimal text,
// as many JSON readers cannot hold 64-bit numbers. Members are the founders, sorted; the
// first programs of format 1 did not write them.
type identityJSON struct {
	Format      int          `json:"format"`
	Cluster     string       `json:"cluster"`
	ClusterName string       `json:"cluster_name"`
	Node        env.NodeID   `json:"node"`
	Members     []env.NodeID `json:"members,omitempty"`
	State       dirState     `json:"state"`
}

// identityFound is what IDENTITY says.
type identityFound struct {
	Identity
	state dirState
	// format is the version it was written with.
	format int
}

var errBadIdentity = errors.New("not a valid identity")

// newerFormatError is met when a newer program wrote the directory.
type newerFormatError struct{ format int }

func (e *newerFormatError) Error() string {
	return fmt.Sprintf("format %d, this program knows up to %d", e.format, IdentityFormat)
}

// readIdentity reads IDENTITY of dir. Errors: those of the file system
// (not existing among them), errBadIdentity, *newerFormatError.
func readIdentity(fs env.FS, dir string) (found identityFound, err error) {
	data, err := datadir.ReadFile(fs, fs.PathJoin(dir, identityFile))
	if err != nil {
		return found, err
	}
	var raw identityJSON
	if err := json.Unmarshal(data, &raw); err != nil {
		return found, fmt.Errorf("%w: %v", errBadIdentity, err)
	}
	if raw.Format > IdentityFormat {
		return found, &newerFormatError{raw.Format}
	}
	id := Identity{ClusterName: raw.ClusterName, Node: raw.Node, Founders: raw.Members, Sharded: raw.Format >= 3}
	if _, err := fmt.Sscanf(raw.Cluster, "%016x", &id.Cluster); err != nil || len(raw.Cluster) != 16 {
		return found, fmt.Errorf("%w: cluster id %q", errBadIdentity, raw.Cluster)
	}
	if raw.Format < 1 || id.Node < 1 || (raw.State != stateCreating && raw.State != stateReady) {
		return found, fmt.Errorf("%w: format %d, node %d, state %q", errBadIdentity, raw.Format, raw.Node, raw.State)
	}
	if len(id.Founders) > 0 && (!slices.IsSorted(id.Founders) || !slices.Contains(id.Founders, id.Node)) {
		return found, fmt.Errorf("%w: node %d, members %v", errBadIdentity, id.Node, id.Founders)
	}
	return identityFound{Identity: id, state: raw.State, format: raw.Format}, nil
}

// writeIdentity replaces IDENTITY: after a crash at any point the old one or
// the new one is there, and the new one is once the call has returned.
func writeIdentity(fs env.FS, dir string, id Identity, state dirState) error {
	data, err := json.MarshalIndent(identityJSON{
		Format:      id.format(),
		Cluster:     fmt.Sprintf("%016x", id.Cluster),
		ClusterName: id.ClusterName,
		Node:        id.Node,
		Members:     id.Founders,
		State:       state,
	}, "", "  ")
	if err != nil {
		return err
	}
	return datadir.Replace(fs, dir, identityFile, append(data, '\n'))
}

// tmpSuffix marks a file that was being written when a crash came.
const tmpSuffix = ".tmp"
