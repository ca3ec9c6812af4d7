package check

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/cockroachdb/errors/oserror"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/kv/datadir"
	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/osio"
)

// The files of a data directory that kv/osio writes.
const (
	lockFile     = "LOCK"
	identityFile = "IDENTITY"
)

// identity is what IDENTITY says, as far as it could be read.
type identity struct {
	// known: node, cluster and name are set.
	known   bool
	cluster uint64
	name    string
	node    uint64
	// ready: log and engine must be there.
	ready bool
	// founder: the cluster began with this node.
	founder bool
}

// openSurvey finds and locks a data directory. It is refused if it is in use, or not a node's; the caller
// calls unlock at the end.
func openSurvey(files env.FS, dir string) (s *survey, unlock func(), err error) {
	// The lock knows a directory by one name only.
	real, err := filepath.EvalSymlinks(dir)
	if err == nil {
		real, err = filepath.Abs(real)
	}
	var names []string
	if err == nil {
		names, err = files.List(real)
	}
	if err != nil {
		return nil, nil, exit.With(exit.Failure, fmt.Errorf("cannot read the data directory: %w", err), "give a node's data directory, the one of --data")
	}
	s = &survey{fs: files, dir: real}
	if !slices.Contains(names, identityFile) && slices.ContainsFunc(names, foreign) {
		return nil, nil, exit.With(exit.Failure, fmt.Errorf("%s is not a node's data directory: it has no IDENTITY, but other files", dir),
			"give a node's data directory, the one of --data")
	}
	if !slices.Contains(names, lockFile) {
		return s, func() {}, nil // nobody ever used it
	}
	lock, err := lockDir(files, files.PathJoin(real, lockFile))
	if err != nil {
		return nil, nil, err
	}
	return s, func() { _ = lock.Close() }, nil // it is given up with the process in any case
}

// foreign tells whether a file does not belong into a data directory without IDENTITY.
func foreign(name string) bool {
	return !slices.Contains([]string{lockFile, "lost+found", datadir.MarkFile}, name) && !strings.HasSuffix(name, ".tmp")
}

func lockDir(files env.FS, path string) (io.Closer, error) {
	lock, err := files.Lock(path)
	switch {
	case err == nil:
		return lock, nil
	case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.EACCES), strings.Contains(err.Error(), "held by current process"):
		return nil, exit.With(exit.Failure, fmt.Errorf("the data directory is in use: %s is held", path), "stop the node first; or check the permissions of the file")
	}
	return nil, exit.With(exit.Failure, fmt.Errorf("cannot lock the data directory: %w", err), "run as the user that runs the node")
}

// whose says whose directory it is.
func (s *survey) whose() string {
	if !s.id.known {
		return s.dir
	}
	return fmt.Sprintf("node %d of cluster %q in %s", s.id.node, s.id.name, s.dir)
}

// checkIdentity reads IDENTITY. A directory without one is that of a node which never served.
func (s *survey) checkIdentity() {
	path := s.fs.PathJoin(s.dir, identityFile)
	data, err := datadir.ReadFile(s.fs, path)
	if oserror.IsNotExist(err) {
		return
	}
	var raw struct {
		Format      int      `json:"format"`
		Cluster     string   `json:"cluster"`
		ClusterName string   `json:"cluster_name"`
		Node        uint64   `json:"node"`
		Members     []uint64 `json:"members"`
		State       string   `json:"state"`
	}
	if err != nil {
		s.cannot("%s: %v", path, err)
		return
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		s.damage(oracleIdentity, "identity", refuses+" until IDENTITY is restored", "%s: %v", path, err)
		return
	}
	if raw.Format > osio.IdentityFormat {
		s.cannot("%s has format %d, this program knows up to %d", path, raw.Format, osio.IdentityFormat)
		return
	}
	cluster, err := strconv.ParseUint(raw.Cluster, 16, 64)
	known := raw.State == "ready" || raw.State == "creating"
	founder := len(raw.Members) == 0 || slices.IsSorted(raw.Members) && slices.Contains(raw.Members, raw.Node)
	if err != nil || len(raw.Cluster) != 16 || raw.Format < 1 || raw.Node < 1 || !known || !founder {
		s.damage(oracleIdentity, "identity", refuses+" until IDENTITY is restored",
			"%s makes no sense: format %d, cluster %q, node %d, members %v, state %q", path, raw.Format, raw.Cluster, raw.Node, raw.Members, raw.State)
		return
	}
	s.id = identity{known: true, cluster: cluster, name: raw.ClusterName, node: raw.Node, ready: raw.State == "ready", founder: len(raw.Members) > 0}
}

// checkMark reads the mark that the node has to rejoin, and tells whether the data is about to be moved.
func (s *survey) checkMark() (moving bool) {
	path := s.fs.PathJoin(s.dir, datadir.MarkFile)
	m, found, err := datadir.ReadMark(s.fs, s.dir)
	switch {
	case err != nil:
		s.cannot("%s: %v", path, err)
		return true // what it says about the data is not known
	case !found:
		return false
	case m.Moving && strings.Contains(m.Reason, "was damaged: "):
		s.damage(oracleIdentity, "mark", setsAside, "%s: %s", path, m.Reason)
	case m.Moving:
		s.notes = append(s.notes, fmt.Sprintf("setting data aside was interrupted, and the next start completes it: %s", cause(m.Reason)))
	default:
		s.rejoins = m.Reason
	}
	return m.Moving
}

// noteRejoin tells how far a node is that has to rejoin.
func (s *survey) noteRejoin(groups int) {
	switch {
	case s.rejoins == "":
	case groups > 0:
		s.notes = append(s.notes, "the node has rejoined its group after this, and the next start removes the mark: "+cause(s.rejoins))
	default:
		s.notes = append(s.notes, "the node has no new replica yet and asks its group for one: "+cause(s.rejoins))
	}
}

// cause leaves out what an error says after what was wrong: what to do about it.
func cause(reason string) string {
	what, _, _ := strings.Cut(reason, "; ")
	return what
}

// checkPeers reads the address book.
func (s *survey) checkPeers() {
	_, err := datadir.ReadPeers(s.fs, s.dir)
	path := s.fs.PathJoin(s.dir, "PEERS")
	switch {
	case errors.Is(err, datadir.ErrDamaged):
		s.damage(oracleIdentity, "peers", "the next start warns and goes on with the addresses it knows from elsewhere", "%s: %v", path, err)
	case err != nil:
		s.cannot("%s: %v", path, err)
	}
}

// listDamaged names the data that was set aside earlier.
func (s *survey) listDamaged() {
	names, err := s.fs.List(s.dir)
	if err != nil {
		s.cannot("%v", err)
		return
	}
	slices.Sort(names)
	for _, name := range names {
		number, found := strings.CutPrefix(name, "damaged-")
		if _, err := strconv.ParseUint(number, 10, 63); !found || err != nil {
			continue
		}
		path := s.fs.PathJoin(s.dir, name)
		reason, err := datadir.ReadFile(s.fs, s.fs.PathJoin(path, "reason.txt"))
		why := cause(strings.TrimSpace(string(reason)))
		if err != nil {
			why = err.Error()
		}
		s.notes = append(s.notes, fmt.Sprintf("%s holds data that was set aside (%s); when nobody needs it any more it may be deleted", path, why))
	}
}
