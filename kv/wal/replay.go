package wal

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/holdfastdb/holdfast/raft"
)

// replay reads a log: from its floor on, whose checkpoint stands for all that was before.
type replay struct {
	options *Options
	// anyOwner takes the owner from the first header read; for Verify and Dump.
	anyOwner bool
	// onSegment and onFrame, if set, are told of what is found intact; for Dump.
	onSegment func(path string, h *segmentHeader)
	onFrame   func(offset int64, h *frameHeader, c *content)

	next   cursor
	groups map[raft.GroupID]*group
	found  Recovery
	// store is set once found.Store is.
	store bool
	// floor is the newest one in the frames read so far.
	floor uint64
	runs  []raft.TermRun // of the section read last

	// Of the segment read last:
	header segmentHeader
	path   string
	data   []byte
	scan   scanned
	begin  int64 // where the checkpoint ends
	// unborn is set if its creation did not finish.
	unborn bool
}

// content is what a frame holds.
type content struct {
	records    int64
	sections   []section  // for Dump
	checkpoint checkpoint // also the floor of a floor frame
}

func newReplay(o *Options) *replay {
	return &replay{options: o, groups: make(map[raft.GroupID]*group)}
}

// run reads all segments that are needed. It writes nothing.
func (r *replay) run() error {
	numbers, err := listSegments(r.options.FS, r.options.Dir)
	if err != nil {
		return err
	}
	if r.found.Floor, err = r.findFloor(numbers); err != nil {
		return err
	}
	want := r.found.Floor
	r.next, r.floor = cursor{number: 1}, 1
	for i, n := range numbers {
		if n < r.found.Floor {
			r.found.Obsolete = append(r.found.Obsolete, n)
			continue
		}
		if n != want {
			return r.missing(want)
		}
		if err := r.segment(n, i == len(numbers)-1); err != nil {
			return err
		}
		want++
	}
	r.found.Fresh = len(numbers) == 0 || r.header.number == 1 && r.unborn
	return r.complete()
}

func (r *replay) missing(number uint64) error {
	return &CorruptError{r.options.FS.PathJoin(r.options.Dir, segmentName(number)), 0, "the segment is missing"}
}

// complete checks that no group needs entries from before the floor.
func (r *replay) complete() error {
	if r.floor != r.found.Floor && r.found.Segments > 0 {
		return &CorruptError{r.path, r.scan.end, fmt.Sprintf("the log's floor is segment %d here, but was segment %d before: "+
			"the file was changed while it was read", r.floor, r.found.Floor)}
	}
	for _, id := range slices.Sorted(maps.Keys(r.groups)) {
		if x := r.groups[id].index.extents; len(x) > 0 && x[0].segment == 0 {
			return &CorruptError{r.path, r.scan.end, fmt.Sprintf("entries of group %d up to %d are in no segment from %d on: "+
				"a program error deleted them", id, x[0].last(), r.found.Floor)}
		}
	}
	return nil
}

// findFloor returns the oldest segment that the log needs. The newest checkpoint or floor frame
// says so, which is in the last segment, or in the one before if the last was just being created.
func (r *replay) findFloor(numbers []uint64) (uint64, error) {
	for i := len(numbers) - 1; i >= 0 && numbers[i] > 1; i-- {
		last := i == len(numbers)-1
		if !last && numbers[i]+1 != numbers[i+1] {
			return 0, r.missing(numbers[i+1] - 1)
		}
		if err := r.load(numbers[i]); err != nil {
			return 0, err
		}
		h, ok := decodeSegmentHeader(r.data)
		if !ok {
			if last && i > 0 {
				continue
			}
			return 0, &CorruptError{r.path, 0, "the segment's header is damaged"}
		}
		if err := r.admit(&h, numbers[i]); err != nil {
			return 0, err
		}
		floor := uint64(0)
		at := cursor{h.frame, h.chain}
		s := scanFrames(r.data, h.place(), &at, func(offset int64, f frameHeader, payload []byte) string {
			if len(payload) >= 8 && (f.kind == frameCheckpoint || f.kind == frameFloor) {
				floor = le.Uint64(payload)
			}
			if floor == 0 || floor > numbers[i] {
				return fmt.Sprintf("frame %d is intact, but the log's floor is segment %d: a program error wrote it", f.number, floor)
			}
			return ""
		})
		switch {
		case s.damage != nil:
			return 0, &CorruptError{r.path, s.damage.offset, s.damage.reason}
		case floor > 0:
			return floor, nil
		case i == 0:
			return 0, &CorruptError{r.path, segmentHdrSize, "the checkpoint that it starts with is damaged, since the segment before is gone"}
		}
	}
	return 1, nil
}

// load reads the segment's file.
func (r *replay) load(number uint64) (err error) {
	r.path = r.options.FS.PathJoin(r.options.Dir, segmentName(number))
	r.data, err = readSegment(r.options.FS, r.path, r.data)
	return err
}

func (r *replay) segment(number uint64, last bool) error {
	if err := r.load(number); err != nil {
		return err
	}
	if err := r.readHeader(number, last); err != nil {
		return err
	}
	r.found.Segments++
	if r.unborn {
		return nil
	}
	if r.onSegment != nil {
		r.onSegment(r.path, &r.header)
	}
	r.begin = segmentHdrSize
	r.scan = scanFrames(r.data, r.header.place(), &r.next, r.frame)
	r.found.Bytes += r.scan.end
	switch {
	case r.scan.damage != nil:
		return &CorruptError{r.path, r.scan.damage.offset, r.scan.damage.reason}
	case !last && r.scan.torn() > 0:
		return &CorruptError{r.path, r.scan.end, "a frame is damaged, since another segment follows"}
	}
	r.found.TornBytes = r.scan.torn()
	return nil
}

// readHeader checks the header of the segment in r.data.
func (r *replay) readHeader(number uint64, last bool) error {
	h, ok := decodeSegmentHeader(r.data)
	if number == r.found.Floor && number > 1 {
		r.next = cursor{h.frame, h.chain} // the segments before are gone
	}
	want := segmentHeader{
		version: formatVersion, chain: r.next.chain, cluster: r.options.Cluster, node: r.options.Node,
		number: number, frame: r.next.number, store: r.found.Store,
	}
	if !ok {
		if last && r.partOf(want) {
			r.header, r.unborn, r.scan = want, true, scanned{}
			return nil
		}
		return &CorruptError{r.path, 0, "the segment's header is damaged"}
	}
	if err := r.admit(&h, number); err != nil {
		return err
	}
	if h.frame != want.frame || h.chain != want.chain {
		return &CorruptError{r.path, 0, fmt.Sprintf("the segment starts with frame %d but the one before ends before frame %d: "+
			"frames between are missing or not the ones that were there", h.frame, want.frame)}
	}
	r.header = h
	return nil
}

// admit checks that an intact header is of this log.
func (r *replay) admit(h *segmentHeader, number uint64) error {
	o := r.options
	if h.version != formatVersion {
		return &FormatError{r.path, h.version, formatVersion}
	}
	if r.anyOwner && !r.store {
		o.Cluster, o.Node = h.cluster, h.node
	}
	if h.cluster != o.Cluster || h.node != o.Node {
		return &WrongOwnerError{r.path, h.cluster, o.Cluster, h.node, o.Node}
	}
	if h.number != number {
		return &CorruptError{r.path, 0, fmt.Sprintf("the file holds segment %d", h.number)}
	}
	if !r.store {
		r.found.Store, r.store = h.store, true
	}
	if h.store != r.found.Store {
		return &CorruptError{r.path, 0, fmt.Sprintf("the segment is of store %016x, others are of store %016x", h.store, r.found.Store)}
	}
	return nil
}

// partOf reports whether r.data can be what an interrupted creation of a segment
// with this header left: since that is synced before the first frame is written,
// there is nothing but bytes of the header and zeros. Nobody knows yet which store number a first
// segment was to have.
func (r *replay) partOf(h segmentHeader) bool {
	if lastNonZero(r.data) > segmentHdrSize {
		return false
	}
	want := h.encode()
	for i, b := range r.data[:min(len(r.data), segmentHdrSize)] {
		unknown := h.number == 1 && (r.anyOwner || i >= 48)
		if b != 0 && b != want[i] && !unknown {
			return false
		}
	}
	return true
}

// frame takes in one frame; it returns a reason if its content is impossible.
func (r *replay) frame(offset int64, h frameHeader, payload []byte) string {
	var c content
	reason := ""
	if first := offset == segmentHdrSize && r.header.number > 1; first != (h.kind == frameCheckpoint) {
		reason = fmt.Sprintf("a frame of kind %d is where none belongs", h.kind)
	} else {
		reason = r.take(offset, &h, payload, &c)
	}
	if reason != "" {
		return fmt.Sprintf("frame %d is intact, but %s: a program error wrote it", h.number, reason)
	}
	r.found.Frames++
	r.found.Clean = h.kind == frameClose
	r.found.Records += c.records
	if r.onFrame != nil {
		r.onFrame(offset, &h, &c)
	}
	return ""
}

func (r *replay) take(offset int64, h *frameHeader, payload []byte, c *content) string {
	switch h.kind {
	case frameBatch:
		return r.batch(offset, payload, c)
	case frameCheckpoint:
		r.begin = offset + frameSize(int64(len(payload)))
		return r.checkpoint(payload, c)
	case frameFloor:
		if len(payload) != 8 {
			return "its payload is not a segment's number"
		}
		c.checkpoint.floor = le.Uint64(payload)
		if c.checkpoint.floor <= r.floor || c.checkpoint.floor > r.header.number {
			return fmt.Sprintf("the floor goes from segment %d to segment %d", r.floor, c.checkpoint.floor)
		}
		r.floor = c.checkpoint.floor
	case frameClose:
		if len(payload) > 0 {
			return "a closing frame has a payload"
		}
	}
	return ""
}

func (r *replay) batch(offset int64, payload []byte, c *content) string {
	for at := uint32(frameHdrSize); len(payload) > 0; {
		s, reason := decodeSection(payload, at)
		if reason == "" && !s.readTerms(payload, r.runs) {
			reason = fmt.Sprintf("entries of group %d are malformed", s.group)
		}
		if reason == "" {
			r.runs = s.runs
			g := r.groups[s.group]
			if g == nil {
				g = &group{}
				r.groups[s.group] = g
			}
			reason = g.state.apply(&s)
			g.index.apply(&s, r.header.number, offset)
		}
		if reason != "" {
			return reason
		}
		c.records++
		if r.onFrame != nil {
			c.sections = append(c.sections, s)
		}
		payload = payload[s.length:]
		at += s.length
	}
	return ""
}

// checkpoint takes in the checkpoint that starts a segment: it is where reading starts, or it repeats
// what the segments before yielded.
func (r *replay) checkpoint(payload []byte, c *content) string {
	var ok bool
	if c.checkpoint, ok = decodeCheckpoint(payload); !ok {
		return "the checkpoint is malformed"
	}
	if r.header.number > r.found.Floor {
		if !bytes.Equal(payload, appendCheckpoint(nil, r.floor, r.groups)) {
			return "the checkpoint is not what the frames before it add up to"
		}
		return ""
	}
	r.floor = c.checkpoint.floor
	for i := range c.checkpoint.groups {
		st := c.checkpoint.groups[i].state
		g := &group{state: st}
		g.index.compacted = st.mark.Index
		for at := st.mark.Index + 1; at <= st.last; {
			n := min(st.last-at+1, 1<<31)
			g.index.put(extent{first: at, count: uint32(n)})
			at += n
		}
		r.groups[c.checkpoint.groups[i].group] = g
	}
	return ""
}
