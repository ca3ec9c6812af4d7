package datadir

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/netsim"
)

const dir = "/data"

// newDisk returns a disk with an empty data directory.
func newDisk(t require.TestingT, seed uint64) *netsim.Disk {
	disk := netsim.NewDisk(seed, netsim.DiskConfig{})
	require.NoError(t, disk.MkdirAll(dir, 0o700))
	require.NoError(t, SyncDir(disk, "/"))
	return disk
}

// populate stands in for a log and an engine.
func populate(t require.TestingT, fs env.FS, content string) {
	for _, sub := range []string{WALDir, EngineDir} {
		require.NoError(t, fs.MkdirAll(dir+"/"+sub, 0o700))
		require.NoError(t, Replace(fs, dir+"/"+sub, "file", []byte(content)))
	}
	require.NoError(t, SyncDir(fs, dir))
}

func read(t require.TestingT, fs env.FS, path string) string {
	data, err := ReadFile(fs, path)
	require.NoError(t, err)
	return string(data)
}

// DDIR-1, DDIR-5: each time the data goes to a directory of its own, with the reason; the newest three stay.
func TestSetAsideKeepsTheNewest(t *testing.T) {
	disk := newDisk(t, 1)
	for i := 1; i <= 5; i++ {
		populate(t, disk, fmt.Sprint("life ", i))
		require.NoError(t, SetAside(disk, dir, fmt.Sprint("reason ", i)))
		m, found, err := ReadMark(disk, dir)
		require.NoError(t, err)
		require.True(t, found)
		require.Equal(t, Mark{Number: uint64(i), Reason: fmt.Sprint("reason ", i)}, m)
		disk.PowerLoss()
	}
	names, err := disk.List(dir)
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"REJOIN", "damaged-3", "damaged-4", "damaged-5"}, names)
	for i := 3; i <= 5; i++ {
		at := fmt.Sprintf("%s/damaged-%d/", dir, i)
		require.Equal(t, fmt.Sprintf("reason %d\n", i), read(t, disk, at+reasonFile))
		require.Equal(t, fmt.Sprint("life ", i), read(t, disk, at+"wal/file"))
		require.Equal(t, fmt.Sprint("life ", i), read(t, disk, at+"engine/file"))
	}
}

// DDIR-2: after power losses at any operations of SetAside the directory is as before, or a further call completes the
// same move; nothing is lost, and nothing is set aside twice. Method: rapid draws how many operations each attempt
// gets before the disk dies.
func TestSetAsideIsCompletedAfterCrashes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		disk := newDisk(t, rapid.Uint64().Draw(t, "seed"))
		populate(t, disk, "x")
		for _, k := range rapid.SliceOfN(rapid.IntRange(0, 20), 0, 4).Draw(t, "operations") {
			disk.CrashAfterOps(k)
			err := SetAside(disk, dir, "why")
			disk.PowerLoss()
			disk.CrashAfterOps(-1)
			m, found, markErr := ReadMark(disk, dir)
			require.NoError(t, markErr)
			if err == nil {
				require.True(t, found && !m.Moving)
			}
			if found && !m.Moving {
				break // at the latest: the crash may have come with the last operation
			}
			if !found {
				require.Equal(t, "x", read(t, disk, dir+"/wal/file"))
				require.Equal(t, "x", read(t, disk, dir+"/engine/file"))
			}
		}
		if m, found, _ := ReadMark(disk, dir); !found || m.Moving {
			require.NoError(t, SetAside(disk, dir, "why"))
		}
		names, err := disk.List(dir)
		require.NoError(t, err)
		require.Subset(t, []string{"REJOIN", "REJOIN.tmp", "damaged-1"}, names)
		require.Equal(t, "x", read(t, disk, dir+"/damaged-1/wal/file"))
		require.Equal(t, "x", read(t, disk, dir+"/damaged-1/engine/file"))
		require.Equal(t, "why\n", read(t, disk, dir+"/damaged-1/"+reasonFile))
		done, err := Resume(disk, dir)
		require.NoError(t, err)
		require.False(t, done)
	})
}

// DDIR-1: what is missing already does not keep the rest from being set aside.
func TestSetAsideOfWhatIsLeft(t *testing.T) {
	for _, gone := range []string{WALDir, EngineDir} {
		disk := newDisk(t, 1)
		populate(t, disk, "x")
		require.NoError(t, disk.RemoveAll(dir+"/"+gone))
		require.NoError(t, SetAside(disk, dir, "half is gone"))
		names, err := disk.List(dir + "/damaged-1")
		require.NoError(t, err)
		require.Len(t, names, 2)
		require.NotContains(t, names, gone)
	}
}

// An error of the file system is told, and the next call goes on.
func TestSetAsideReportsErrors(t *testing.T) {
	disk := newDisk(t, 1)
	populate(t, disk, "x")
	fault := disk.Inject(netsim.Fault{Ops: netsim.OpRename, Match: "engine", Err: netsim.ErrCrashed})
	err := SetAside(disk, dir, "why")
	require.ErrorIs(t, err, netsim.ErrCrashed)
	require.ErrorContains(t, err, "setting the damaged data in /data aside")
	disk.Eject(fault)
	m, _, err := ReadMark(disk, dir)
	require.NoError(t, err)
	require.True(t, m.Moving)
	require.NoError(t, SetAside(disk, dir, "another reason"))
	require.Equal(t, "why\n", read(t, disk, dir+"/damaged-1/"+reasonFile))
}

// DDIR-3: the mark is there over restarts until Rejoined, also for a disk that was empty.
func TestMarkStaysUntilRejoined(t *testing.T) {
	disk := newDisk(t, 1)
	require.NoError(t, Rejoined(disk, dir), "without a mark there is nothing to do")
	require.NoError(t, MarkEmpty(disk, dir, "disk lost: \"sda\"\n"))
	disk.PowerLoss()
	m, found, err := ReadMark(disk, dir)
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, Mark{Reason: "disk lost: \"sda\"\n"}, m)
	require.NoError(t, Rejoined(disk, dir))
	disk.PowerLoss()
	_, found, err = ReadMark(disk, dir)
	require.NoError(t, err)
	require.False(t, found)
}

// DDIR-4: whatever is in REJOIN, it counts as a mark: a damaged one as one whose move is not complete, one of a newer version is
// an error. Method: each single byte changed, and cut off anywhere.
func TestDamagedMarkIsAMark(t *testing.T) {
	disk := newDisk(t, 1)
	require.NoError(t, SetAside(disk, dir, "why"))
	whole := read(t, disk, dir+"/"+MarkFile)
	check := func(text string) {
		require.NoError(t, Replace(disk, dir, MarkFile, []byte(text)))
		m, found, err := ReadMark(disk, dir)
		require.NoError(t, err, "%q", text)
		require.True(t, found)
		require.True(t, m.Moving)
		require.Equal(t, uint64(2), m.Number)
	}
	for i := range len(whole) {
		check(whole[:i])
		check(whole[:i] + string(rune(whole[i]^1)) + whole[i+1:])
	}
	check(string(seal(MarkFile, []string{"nothing"})))
	populate(t, disk, "again")
	_, err := Resume(disk, dir)
	require.NoError(t, err)
	require.Equal(t, "again", read(t, disk, dir+"/damaged-2/wal/file"))
	require.NoError(t, Replace(disk, dir, MarkFile, newer(MarkFile)))
	_, _, err = ReadMark(disk, dir)
	require.ErrorIs(t, err, ErrNewerFormat)
	require.ErrorIs(t, SetAside(disk, dir, "why"), ErrNewerFormat)
}

// newer is a file of a version that is not known yet.
func newer(name string) []byte {
	body := fmt.Sprintf("holdfast %s %d\nwhatever\n", name, formatVersion+1)
	return fmt.Appendf([]byte(body), "crc32c %08x\n", checksum([]byte(body)))
}

// DDIR-6: what WritePeers stored is read again, also after a power loss; what cannot be an entry is left out, and the same
// content is not written twice.
func TestPeersAreKept(t *testing.T) {
	disk := newDisk(t, 1)
	got, err := ReadPeers(disk, dir)
	require.NoError(t, err)
	require.Nil(t, got)
	peers := map[env.NodeID]string{1: "a:1", 20: "[::1]:2", 3: "", 4: "x\ny:1", 0: "z:1", 1 << 32: "z:1"}
	require.NoError(t, WritePeers(disk, dir, peers))
	disk.PowerLoss()
	got, err = ReadPeers(disk, dir)
	require.NoError(t, err)
	require.Equal(t, map[env.NodeID]string{1: "a:1", 20: "[::1]:2"}, got)
	require.Regexp(t, "^holdfast PEERS 1\n1=a:1\n20=\\[::1\\]:2\ncrc32c [0-9a-f]{8}\n$", read(t, disk, dir+"/"+peersFile))
	ops := disk.Ops()
	require.NoError(t, WritePeers(disk, dir, peers))
	require.Equal(t, ops, disk.Ops())
	require.NoError(t, WritePeers(disk, dir, nil))
	got, err = ReadPeers(disk, dir)
	require.NoError(t, err)
	require.Empty(t, got)
}

// DDIR-6: a PEERS that is not what was written is reported, never believed. Method: each bit flipped, random bytes, a newer version,
// and lines that make no sense under a right checksum.
func TestDamagedPeersAreReported(t *testing.T) {
	disk := newDisk(t, 1)
	whole := seal(peersFile, []string{"1=a:1", "2=b:2"})
	check := func(data []byte, want error) {
		require.NoError(t, Replace(disk, dir, peersFile, data))
		got, err := ReadPeers(disk, dir)
		require.ErrorIs(t, err, want, "%q", data)
		require.Nil(t, got)
	}
	for bit := range 8 * len(whole) {
		flipped := []byte(string(whole))
		flipped[bit/8] ^= 1 << (bit % 8)
		check(flipped, ErrDamaged)
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for n := range 64 {
		noise := make([]byte, n)
		for i := range noise {
			noise[i] = byte(rnd.Uint32())
		}
		check(noise, ErrDamaged)
	}
	for _, line := range []string{"x=a:1", "1", "0=a:1", "1=", "4294967296=a:1"} {
		check(seal(peersFile, []string{line}), ErrDamaged)
	}
	check(newer(peersFile), ErrNewerFormat)
}
