package check

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strconv"

	"github.com/cockroachdb/errors/oserror"

	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/style"
	"github.com/holdfastdb/holdfast/kv/datadir"
	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/machine"
	"github.com/holdfastdb/holdfast/kv/node"
	"github.com/holdfastdb/holdfast/kv/placement"
	"github.com/holdfastdb/holdfast/kv/storage"
	"github.com/holdfastdb/holdfast/kv/wal"
	"github.com/holdfastdb/holdfast/raft"
)

// survey looks at all of a data directory and changes nothing.
type survey struct {
	fs  env.FS
	dir string
	id  identity
	// rejoins is why the node has to rejoin, "" if it has not.
	rejoins string

	// anything: there is a log or an engine.
	anything   bool
	violations []verdict.Violation
	undecided  []string
	facts      []string
	notes      []string
	evidence   verdict.Evidence
}

func (s *survey) walDir() string    { return s.fs.PathJoin(s.dir, datadir.WALDir) }
func (s *survey) engineDir() string { return s.fs.PathJoin(s.dir, datadir.EngineDir) }

func (s *survey) cannot(format string, args ...any) {
	s.undecided = append(s.undecided, fmt.Sprintf(format, args...))
}

func (s *survey) run() {
	s.checkIdentity()
	moving := s.checkMark()
	s.checkPeers()
	s.listDamaged()
	if moving {
		s.notes = append(s.notes, "log and engine are about to be set aside, and are not checked")
		return
	}
	found, logRead := s.checkLog()
	s.noteRejoin(len(found.Groups))
	reports, engineRead := s.checkEngine()
	if logRead && engineRead {
		s.compare(found.Groups, reports)
	}
}

// gone notes that the log or the engine is missing, which is right only where it never was there.
func (s *survey) gone(oracle, what string) {
	if s.id.ready {
		s.damage(oracle, "gone", refuses+" until the original files are back, or it is started with --rejoin",
			"%s is gone, though the node had one", what)
	}
}

// checkLog reads the log. read tells whether all of it could be.
func (s *survey) checkLog() (found *wal.Recovery, read bool) {
	found, err := wal.Verify(s.fs, s.walDir())
	if oserror.IsNotExist(err) {
		err, found.Fresh = nil, true // the directory itself
	}
	var damaged *wal.CorruptError
	var owner *wal.WrongOwnerError
	switch {
	case errors.As(err, &damaged):
		s.anything = true
		s.damage(oracleLog, "damaged", setsAside, "%s at offset %d: %s", damaged.File, damaged.Offset, damaged.Reason)
	case errors.As(err, &owner):
		s.anything = true
		s.damage(oracleLog, "mixed", refuses, "%s was written by node %d of cluster %016x, other segments by node %d of cluster %016x",
			owner.File, owner.Node, owner.Cluster, owner.WantNode, owner.WantCluster)
	case err != nil:
		s.anything = true
		s.cannot("the log: %v", err)
	case found.Fresh:
		s.gone(oracleLog, "the log in "+s.walDir())
	default:
		s.anything = true
		s.checkOwner()
	}
	if found.Fresh {
		return found, false
	}
	s.evidence.Add("log.segments", int64(found.Segments))
	s.evidence.Add("log.frames", found.Frames)
	s.evidence.Add("log.records", found.Records)
	s.evidence.Add("log.bytes", found.Bytes)
	s.evidence.Add("log.torn-bytes", found.TornBytes)
	if found.Segments > 0 { // else not even one header could be read
		s.facts = append(s.facts, fmt.Sprintf("log %016x: %d segments, %s records, %s bytes, %d bytes of an interrupted write at the end", found.Store,
			found.Segments, style.Count(found.Records), style.Count(found.Bytes), found.TornBytes))
	}
	return found, err == nil
}

// segmentOwner matches the line of a dump that says whose a segment is.
var segmentOwner = regexp.MustCompile(`(?m)^(.*): segment \d+ of node (\d+), cluster (\d+), store `)

// checkOwner compares the owner of the log, which is the same in all its segments, with IDENTITY.
// Only the dump tells whose it is.
func (s *survey) checkOwner() {
	var head firstLine
	if err := wal.Dump(s.fs, s.walDir(), &head); err != nil {
		s.cannot("whose the log is: %v", err)
		return
	}
	m := segmentOwner.FindSubmatch(head.line)
	if m == nil {
		s.cannot("whose the log is: the dump does not say so")
		return
	}
	node, errNode := strconv.ParseUint(string(m[2]), 10, 64)
	cluster, errCluster := strconv.ParseUint(string(m[3]), 10, 64)
	if errNode != nil || errCluster != nil || !s.id.known {
		return
	}
	if node != s.id.node || cluster != s.id.cluster {
		s.damage(oracleLog, "foreign", refuses, "%s was written by node %d of cluster %016x, but IDENTITY is of node %d of cluster %016x",
			m[1], node, cluster, s.id.node, s.id.cluster)
	}
}

// firstLine keeps the first line that is written to it.
type firstLine struct {
	line     []byte
	complete bool
}

func (f *firstLine) Write(p []byte) (int, error) {
	if !f.complete {
		line, _, complete := bytes.Cut(p, []byte("\n"))
		f.line, f.complete = append(f.line, line...), complete
	}
	return len(p), nil
}

// checkEngine reads the engine: first its files, then, if these are sound, the records of each group. read tells whether
// all of it could be.
func (s *survey) checkEngine() (reports []machine.GroupReport, read bool) {
	err := storage.VerifyPebble(s.engineDir(), s.fs)
	if errors.Is(err, fs.ErrNotExist) && !storage.IsCorrupt(err) {
		s.gone(oracleEngine, "the storage engine in "+s.engineDir())
		return nil, false
	}
	s.anything = true
	if err == nil {
		reports, err = s.readEngine()
	}
	switch {
	case storage.IsCorrupt(err):
		s.damage(oracleEngine, "damaged", setsAsideWhenRead, "%v", err)
	case err != nil:
		s.cannot("the storage engine: %v", err)
	}
	for i := range reports {
		s.checkReport(&reports[i])
	}
	return reports, err == nil
}

func (s *survey) readEngine() (reports []machine.GroupReport, err error) {
	reader, err := storage.ReadPebble(s.engineDir(), s.fs)
	if err != nil {
		return nil, err
	}
	if version, err := node.VerifyTable(reader); err != nil {
		s.damage(oracleRecords, "table", "the next start goes on without it, and gets another one from the other nodes", "the table of partitions in %s: %v", s.engineDir(), err)
	} else if version > 0 {
		s.facts = append(s.facts, fmt.Sprintf("table of partitions: version %d", version))
	}
	reports, err = machine.Verify(reader)
	return reports, errors.Join(err, reader.Close())
}

// groupName names a group for people.
func groupName(g raft.GroupID) string {
	if g == placement.MetaGroup {
		return "metadata group"
	}
	return fmt.Sprintf("partition %d", g)
}

// checkReport notes what was found of one group.
func (s *survey) checkReport(r *machine.GroupReport) {
	for _, problem := range r.Problems {
		s.damage(oracleRecords, "damaged", "a start that reads the record sets log and engine aside, but it does not read every one: "+byHand,
			"%s in %s: %s", groupName(r.Group), s.engineDir(), problem)
	}
	if r.Omitted > 0 {
		s.notes = append(s.notes, fmt.Sprintf("%s has %d more damaged records", groupName(r.Group), r.Omitted))
	}
	s.evidence.Add("engine.groups", 1)
	s.evidence.Add("engine.keys", int64(r.Keys))
	s.evidence.Add("engine.sessions", int64(r.Sessions))
	s.evidence.Add("engine.saved-results", int64(r.SavedResults))
	s.evidence.Add("engine.bytes", int64(r.Bytes))
	s.facts = append(s.facts, fmt.Sprintf("%s: replica %s, state of entry %d (term %d, hash %016x), %s keys, %s sessions, %s bytes",
		groupName(r.Group), replicaName(r.Owner), r.Index, r.Term, r.Hash, style.Count(int64(r.Keys)), style.Count(int64(r.Sessions)), style.Count(int64(r.Bytes))))
	if r.Staged > 0 {
		s.notes = append(s.notes, fmt.Sprintf("%s holds %s pairs of a snapshot that is not complete", groupName(r.Group), style.Count(int64(r.Staged))))
	}
}
