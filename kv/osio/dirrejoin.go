package osio

import (
	"slices"

	"github.com/cockroachdb/errors/oserror"

	"github.com/holdfastdb/holdfast/kv/datadir"
	"github.com/holdfastdb/holdfast/kv/env"
)

// Founders are the nodes that the cluster began with, ascending, as the directory was told when
// it was created; none if the node joined later, or ever had to rejoin. They count, not those
// that it is opened with.
func (d *Dir) Founders() []env.NodeID { return slices.Clone(d.id.Founders) }

// Rejoining tells whether the node has to rejoin its group under a new replica id, and why. It
// must then neither vote nor acknowledge as one of its old replicas, whatever the founders are.
func (d *Dir) Rejoining() (reason string, rejoining bool) {
	if d.mark == nil {
		return "", false
	}
	return d.mark.Reason, true
}

// SetAside moves the log and the engine into a directory damaged-N and marks that the node has to
// rejoin (OSIO-8); both must be closed. The caller then creates new ones and calls MarkReady, as
// for a new directory. After a crash in the middle the next OpenDir completes it. Of the
// damaged directories the newest datadir.KeptDamaged are kept.
func (d *Dir) SetAside(reason string) error {
	if err := datadir.Begin(d.fs, d.path, reason); err != nil {
		return dirIOError(d.path, "set the damaged data aside in", err)
	}
	return d.resume()
}

// Rejoined notes durably that the node has a replica under its new id in its log. It is only
// called after MarkReady.
func (d *Dir) Rejoined() error {
	if d.state != stateReady {
		panic("osio: Dir.Rejoined before MarkReady")
	}
	if err := datadir.Rejoined(d.fs, d.path); err != nil {
		return dirIOError(d.path, "remove the mark from", err)
	}
	d.mark = nil
	return nil
}

// Peers is the address book that WritePeers stored last, nil if there is none. An error is worth a
// warning and no more.
func (d *Dir) Peers() (map[env.NodeID]string, error) { return datadir.ReadPeers(d.fs, d.path) }

// WritePeers stores the address book, durably. It may be called from any goroutine, but from one at
// a time.
func (d *Dir) WritePeers(peers map[env.NodeID]string) error {
	return datadir.WritePeers(d.fs, d.path, peers)
}

// resume reads the mark and completes a move that is under way. IDENTITY says first that the data
// may be missing: with the mark it is missing on purpose. It also forgets the founders, so that the node
// does not begin the cluster anew should the mark get lost.
func (d *Dir) resume() error {
	mark, found, err := datadir.ReadMark(d.fs, d.path)
	if err != nil {
		return dirIOError(d.path, "read the mark in", err)
	}
	d.mark = nil
	if !found {
		return nil
	}
	d.mark = &mark
	if !mark.Moving && len(d.id.Founders) == 0 {
		return nil
	}
	state := d.state
	if mark.Moving {
		state = stateCreating
	}
	d.id.Founders = nil
	if err := writeIdentity(d.fs, d.path, d.id, state); err != nil {
		return dirIOError(d.path, "write IDENTITY in", err)
	}
	d.state, d.outdated = state, false
	if !mark.Moving {
		return nil
	}
	if _, err := datadir.Resume(d.fs, d.path); err != nil {
		return dirIOError(d.path, "set the damaged data aside in", err)
	}
	d.mark.Moving = false
	return nil
}

// markIfEmpty marks a directory that belongs to nobody yet.
func (d *Dir) markIfEmpty() error {
	if _, err := d.fs.Stat(d.fs.PathJoin(d.path, identityFile)); !oserror.IsNotExist(err) {
		return err
	}
	d.id.Founders = nil
	return datadir.MarkEmpty(d.fs, d.path, "the data directory was empty")
}
