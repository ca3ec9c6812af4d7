package osio

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/holdfastdb/holdfast/kv/env"
)

// IdentityFormat is the version of the data directory this program writes, and
// the newest it reads.
const IdentityFormat = 1

// identityFile is the name of the file that says whose directory it is.
const identityFile = "IDENTITY"

// Identity says which member of which cluster a data directory belongs to.
type Identity struct {
	Cluster     uint64
	ClusterName string
	Node        env.NodeID
	// Members are the ids of all nodes of the cluster, Node among them, in any order. They
	// cannot be changed.
	Members []env.NodeID
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
// as many JSON readers cannot hold 64-bit numbers. Members are sorted; the first
// programs of format 1 did not write them.
type identityJSON struct {
	Format      int          `json:"format"`
	Cluster     string       `json:"cluster"`
	ClusterName string       `json:"cluster_name"`
	Node        env.NodeID   `json:"node"`
	Members     []env.NodeID `json:"members,omitempty"`
	State       dirState     `json:"state"`
}

var errBadIdentity = errors.New("not a valid identity")

// newerFormatError is met when a newer program wrote the directory.
type newerFormatError struct{ format int }

func (e *newerFormatError) Error() string {
	return fmt.Sprintf("format %d, this program knows up to %d", e.format, IdentityFormat)
}

// readIdentity reads IDENTITY of dir. Errors: those of the file system
// (not existing among them), errBadIdentity, *newerFormatError.
func readIdentity(fs env.FS, dir string) (Identity, dirState, error) {
	f, err := fs.Open(fs.PathJoin(dir, identityFile))
	if err != nil {
		return Identity{}, "", err
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		return Identity{}, "", err
	}
	var raw identityJSON
	if err := json.Unmarshal(data, &raw); err != nil {
		return Identity{}, "", fmt.Errorf("%w: %v", errBadIdentity, err)
	}
	if raw.Format > IdentityFormat {
		return Identity{}, "", &newerFormatError{raw.Format}
	}
	id := Identity{ClusterName: raw.ClusterName, Node: raw.Node, Members: raw.Members}
	if _, err := fmt.Sscanf(raw.Cluster, "%016x", &id.Cluster); err != nil || len(raw.Cluster) != 16 {
		return Identity{}, "", fmt.Errorf("%w: cluster id %q", errBadIdentity, raw.Cluster)
	}
	if raw.Format < 1 || id.Node < 1 || (raw.State != stateCreating && raw.State != stateReady) {
		return Identity{}, "", fmt.Errorf("%w: format %d, node %d, state %q", errBadIdentity, raw.Format, raw.Node, raw.State)
	}
	if len(id.Members) > 0 && (!slices.IsSorted(id.Members) || !slices.Contains(id.Members, id.Node)) {
		return Identity{}, "", fmt.Errorf("%w: node %d, members %s", errBadIdentity, id.Node, listIDs(id.Members))
	}
	return id, raw.State, nil
}

// writeIdentity replaces IDENTITY: after a crash at any point the old one or
// the new one is there, and the new one is once the call has returned.
func writeIdentity(fs env.FS, dir string, id Identity, state dirState) error {
	data, err := json.MarshalIndent(identityJSON{
		Format:      IdentityFormat,
		Cluster:     fmt.Sprintf("%016x", id.Cluster),
		ClusterName: id.ClusterName,
		Node:        id.Node,
		Members:     id.Members,
		State:       state,
	}, "", "  ")
	if err != nil {
		return err
	}
	name := fs.PathJoin(dir, identityFile)
	tmp := name + tmpSuffix
	if err := writeSynced(fs, tmp, append(data, '\n')); err != nil {
		return err
	}
	if err := fs.Rename(tmp, name); err != nil {
		return err
	}
	return syncDir(fs, dir)
}

// listIDs writes a member list for a person.
func listIDs(members []env.NodeID) string {
	var text []string
	for _, id := range members {
		text = append(text, fmt.Sprint(id))
	}
	return strings.Join(text, ", ")
}

// tmpSuffix marks a file that was being written when a crash came.
const tmpSuffix = ".tmp"

func writeSynced(fs env.FS, name string, data []byte) error {
	f, err := fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Sync(); err != nil {
		return errors.Join(err, f.Close())
	}
	return f.Close()
}

func syncDir(fs env.FS, dir string) error {
	d, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	if err := d.Sync(); err != nil {
		return errors.Join(err, d.Close())
	}
	return d.Close()
}
