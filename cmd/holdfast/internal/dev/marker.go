package dev

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/kv/env"
)

const markerFile = "dev.json"

// marker says what a directory of a dev cluster holds.
type marker struct {
	// Nodes is how many nodes it began with.
	Nodes int `json:"nodes"`
	// Formed: all of those have run, so none may come back without data (DEV-3).
	Formed bool `json:"formed"`
	// Partitions is into how many partitions it is divided; directories that do not say so are of one group.
	Partitions int `json:"partitions,omitempty"`
	// Joined are the nodes that came later, Joining the one that was about to and may have no data yet, Removed
	// those that are no part of it any more.
	Joined  []env.NodeID `json:"joined,omitempty"`
	Joining env.NodeID   `json:"joining,omitempty"`
	Removed []env.NodeID `json:"removed,omitempty"`
}

// inService are the nodes that are to run.
func (m *marker) inService() []env.NodeID {
	var ids []env.NodeID
	for i := range m.Nodes {
		ids = append(ids, env.NodeID(i+1))
	}
	ids = append(ids, m.Joined...)
	return slices.DeleteFunc(ids, func(id env.NodeID) bool { return slices.Contains(m.Removed, id) })
}

// next is an id that was never used, or was given to a node that did not get as far as to join.
func (m *marker) next() env.NodeID {
	if m.Joining != 0 {
		return m.Joining
	}
	return env.NodeID(m.Nodes + len(m.Joined) + 1)
}

// openMarker returns what a directory holds, or is to hold.
func openMarker(dir string, shape Shape) (marker, error) {
	m, err := readMarker(dir)
	switch {
	case err != nil:
		return m, err
	case m.Nodes == 0:
		return marker{Nodes: shape.Nodes, Partitions: shape.Partitions}, nil
	case m.Nodes != shape.Nodes:
		return m, exit.Usagef(fmt.Sprintf("use --nodes %d, or another directory with --data, or --ephemeral", m.Nodes),
			"%s holds a cluster that began with %d nodes, not %d", dir, m.Nodes, shape.Nodes)
	case m.Partitions != shape.Partitions && !shape.AnyPartitions:
		return m, exit.Usagef(fmt.Sprintf("leave --partitions out, or use another directory with --data, or --ephemeral; the number of partitions never changes (here it is %d)", m.Partitions),
			"%s holds a cluster %s, not %s", dir, divided(m.Partitions), divided(shape.Partitions))
	}
	return m, nil
}

// divided says into how many partitions a cluster is divided.
func divided(partitions int) string {
	switch partitions {
	case 0:
		return "of one group"
	case 1:
		return "of 1 partition"
	}
	return fmt.Sprintf("of %d partitions", partitions)
}

func readMarker(dir string) (marker, error) {
	var m marker
	path := filepath.Join(dir, markerFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return m, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &m)
	}
	if err != nil {
		return m, exit.With(exit.Failure, fmt.Errorf("cannot read %s: %w", path, err), "use another directory with --data, or --ephemeral")
	}
	return m, nil
}

func writeMarker(dir string, m marker) error {
	data, err := json.Marshal(m)
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, markerFile), append(data, '\n'), 0o644)
	}
	if err != nil {
		return exit.With(exit.Failure, fmt.Errorf("cannot write into the data directory %s: %w", dir, err), "use another directory with --data, or --ephemeral")
	}
	return nil
}
