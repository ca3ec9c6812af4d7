package datadir

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/cockroachdb/errors/oserror"

	"github.com/holdfastdb/holdfast/kv/env"
)

// peersFile is the name of the address book.
const peersFile = "PEERS"

// ReadPeers returns the addresses that WritePeers stored last, nil if it never did.
// Errors: ErrDamaged, ErrNewerFormat, those of the file system. All of them are worth a
// warning and no more: the addresses are also known elsewhere.
func ReadPeers(fs env.FS, dir string) (map[env.NodeID]string, error) {
	data, err := ReadFile(fs, fs.PathJoin(dir, peersFile))
	if oserror.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	lines, err := unseal(peersFile, data)
	if err != nil {
		return nil, err
	}
	peers := make(map[env.NodeID]string, len(lines))
	for _, line := range lines {
		id, address, found := strings.Cut(line, "=")
		node, err := strconv.ParseUint(id, 10, 32)
		if !found || err != nil || node == 0 || address == "" {
			return nil, fmt.Errorf("%w: the line %q is not of the form node=address", ErrDamaged, line)
		}
		peers[env.NodeID(node)] = address
	}
	return peers, nil
}

// WritePeers replaces the address book; it leaves the file alone if it says the same
// already. It is called when the configuration of the cluster has changed. Nodes whose
// address is unknown ("") or not a line of text are left out.
func WritePeers(fs env.FS, dir string, peers map[env.NodeID]string) error {
	var lines []string
	for _, id := range slices.Sorted(maps.Keys(peers)) {
		address := peers[id]
		if address == "" || strings.ContainsAny(address, "\r\n") || id == 0 || id > 1<<32-1 {
			continue
		}
		lines = append(lines, fmt.Sprintf("%d=%s", id, address))
	}
	data := seal(peersFile, lines)
	if old, err := ReadFile(fs, fs.PathJoin(dir, peersFile)); err == nil && bytes.Equal(old, data) {
		return nil
	}
	return Replace(fs, dir, peersFile, data)
}
