package machine

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/raft"
)

// GroupReport is what Verify found of one group.
type GroupReport struct {
	Group raft.GroupID
	// Owner is 0 if nobody owns the state (written before there were owners).
	Owner raft.ReplicaID
	// Index, Term and Hash are the position of the state in force.
	Index, Term, Hash uint64
	// Installed is the mark of the newest installed snapshot, the zero Mark without one.
	Installed raft.Mark
	// Keys, Sessions and SavedResults count records of the state in force; Bytes is the size of all its
	// records, keys and values.
	Keys, Sessions, SavedResults, Bytes uint64
	// Staged counts the pairs of a snapshot that is being taken in.
	Staged uint64
	// Problems says what is wrong, at most MaxProblems; Omitted counts the others.
	Problems []string
	Omitted  int
}

// MaxProblems bounds GroupReport.Problems.
const MaxProblems = 20

func (g *GroupReport) problem(format string, args ...any) {
	if len(g.Problems) == MaxProblems {
		g.Omitted++
		return
	}
	g.Problems = append(g.Problems, fmt.Sprintf(format, args...))
}

// Verify reads every record of every group in the engine and says what is wrong where, in order
// of the groups. It changes nothing. An error says that the engine could not be read
// any further; the reports so far are returned with it. What is before group 1, which no group has, is the node's own.
func Verify(engine env.Reader) ([]GroupReport, error) {
	var out []GroupReport
	end := binary.BigEndian.AppendUint64(nil, math.MaxUint64)
	for lo, _ := Span(1); ; {
		var first []byte
		err := engine.Scan(lo, end, func(key, _ []byte) bool {
			first = slices.Clone(key)
			return false
		})
		if err != nil {
			return out, fmt.Errorf("machine: look for partitions: %w", err)
		}
		if first == nil {
			return out, nil
		}
		padded := append(slices.Clone(first), make([]byte, prefixLen)...)
		v := verifier{engine: engine, keys: layout{group: raft.GroupID(binary.BigEndian.Uint64(padded))}}
		if len(first) < prefixLen {
			v.problem("key % x is too short", first)
		}
		err = v.run()
		out = append(out, v.GroupReport)
		if err != nil {
			return out, fmt.Errorf("machine: partition %d: %w", v.keys.group, err)
		}
		_, lo = Span(v.keys.group)
	}
}

// verifier checks one group.
type verifier struct {
	GroupReport
	engine env.Reader
	keys   layout // of the image in force
	stage  *progress
	// apart are the saved results that sessions say have keys of their own, and whether
	// these were seen.
	apart map[savedID]bool
}

type savedID struct{ session, seq uint64 }

func (v *verifier) run() error {
	v.Group = v.keys.group
	if v.Group == 0 {
		v.problem("partition 0 cannot be")
	}
	if err := v.readOwn(); err != nil {
		return err
	}
	if err := v.readPosition(); err != nil {
		return err
	}
	v.apart = map[savedID]bool{}
	live, spare := v.keys, v.keys.other()
	var staged tally
	var scratch []byte
	lo, hi := Span(v.Group)
	err := v.engine.Scan(lo, hi, func(key, value []byte) bool {
		if len(key) <= prefixLen {
			v.problem("key % x is too short", key)
			return true
		}
		switch kind := key[prefixLen]; {
		case kind == kindLive || kind == kindStage:
			if len(key) != prefixLen+1 {
				v.problem("key % x is too long", key)
			}
		case kind^live.image < imageEnd:
			v.checkLive(record{kind: kind ^ live.image, rest: key[prefixLen+1:], value: value})
		case kind^spare.image < imageEnd:
			inside := slices.Clone(key[prefixLen:])
			inside[0] &^= imageBit
			scratch = staged.add(scratch, inside, value)
		default:
			v.problem("key % x has a kind that no machine writes", key)
		}
		return true
	})
	if err != nil {
		return fmt.Errorf("read the records: %w", err)
	}
	v.conclude(staged)
	return nil
}

// readOwn reads the records that belong to no image.
func (v *verifier) readOwn() error {
	b, found, err := v.engine.Get(v.keys.own(kindLive))
	if err != nil {
		return fmt.Errorf("read whose the state is: %w", err)
	}
	if found {
		is, err := decodeLive(b)
		if err != nil {
			v.problem("the record of whose the state is cannot be used: %v", err)
		}
		v.Owner, v.Installed, v.keys.image = is.owner, is.installed, is.image&imageBit
	}
	b, found, err = v.engine.Get(v.keys.own(kindStage))
	if err != nil {
		return fmt.Errorf("read how far a snapshot was staged: %w", err)
	}
	if found {
		p, err := decodeProgress(b)
		if err != nil {
			v.problem("the record of the staged snapshot cannot be used: %v", err)
		}
		v.stage = &p
	}
	return nil
}

// readPosition reads what all other records of the image are checked against.
func (v *verifier) readPosition() error {
	b, found, err := v.engine.Get(v.keys.key(nil, kindMeta))
	if err != nil {
		return fmt.Errorf("read the applied index: %w", err)
	}
	_, format, err := v.engine.Get(v.keys.key(nil, kindFormat))
	if err != nil {
		return fmt.Errorf("read the format version: %w", err)
	}
	if found != format {
		v.problem("there is only one of format version and applied index")
	}
	if at, err := decodeMeta(b); found && err == nil {
		v.Index, v.Term, v.Hash = at.index, at.term, at.hash
	}
	if v.Index < v.Installed.Index {
		v.problem("the state is that of entry %d, but a snapshot of entry %d was installed", v.Index, v.Installed.Index)
	}
	return nil
}

func (v *verifier) checkLive(r record) {
	v.Bytes += uint64(prefixLen + 1 + len(r.rest) + len(r.value))
	switch r.kind {
	case kindSession:
		v.Sessions++
	case kindSaved:
		v.SavedResults++
	case kindData:
		v.Keys++
	}
	if err := r.check(v.Index); err != nil {
		v.problem("%v", err)
		return
	}
	switch r.kind {
	case kindSession: // all come before the saved results
		id := binary.BigEndian.Uint64(r.rest)
		s, _ := decodeSession(id, r.value)
		for i := range s.saved {
			if s.saved[i].own {
				v.apart[savedID{id, s.saved[i].seq}] = false
			} else {
				v.SavedResults++
			}
		}
	case kindSaved:
		id := savedID{binary.BigEndian.Uint64(r.rest), binary.BigEndian.Uint64(r.rest[8:])}
		if _, known := v.apart[id]; !known {
			v.problem("the saved result of request %d of session %d belongs to no session", id.seq, id.session)
		}
		v.apart[id] = true
	}
}

// conclude checks what only all records together tell.
func (v *verifier) conclude(staged tally) {
	ids := slices.SortedFunc(maps.Keys(v.apart), func(a, b savedID) int {
		return slices.Compare([]uint64{a.session, a.seq}, []uint64{b.session, b.seq})
	})
	for _, id := range ids {
		if !v.apart[id] {
			v.problem("the saved result of request %d of session %d is gone", id.seq, id.session)
		}
	}
	v.Staged = staged.pairs
	var want tally
	if v.stage != nil {
		want = v.stage.tally
		if v.stage.image != v.keys.other().image {
			v.problem("the snapshot is staged in the image that is in force")
		}
	}
	if staged != want {
		v.problem("%d pairs with sum %#x are staged, but there should be %d with sum %#x",
			staged.pairs, staged.sum, want.pairs, want.sum)
	}
}
