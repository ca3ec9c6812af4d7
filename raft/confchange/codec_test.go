package confchange

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/raft/canon"
)

func sample() Config {
	return Config{Generation: 300, Members: []Member{
		{ID: 1, Voter: true, Outgoing: true, Priority: 3, Info: "127.0.0.1:9000"},
		{ID: 2, Outgoing: true},
		{ID: 3, Outgoing: true, Learner: true},
		{ID: id(4, 300), Learner: true, Promote: true, Store: 1<<64 - 1},
	}}
}

// Claim: a configuration survives the codec. Method: one with every field.
func TestConfigSurvivesTheCodec(t *testing.T) {
	c := sample()
	require.NoError(t, c.Validate())
	got, err := Decode(c.Append([]byte{7})[1:])
	require.NoError(t, err)
	require.True(t, c.Equal(got))
	got.Members[0].Info = ""
	require.False(t, c.Equal(got))
	c.Epoch = 1 << 40
	got, err = Decode(c.Append(nil))
	require.NoError(t, err)
	require.True(t, c.Equal(got))
}

// Claim: CONF-6, the epoch only grows, with other changes or alone, and outlives a joint configuration. Method: advance by hand.
func TestTheEpochOnlyGrows(t *testing.T) {
	c := Initial([]uint64{1, 2, 3})
	next, err := c.Apply([]Change{{Kind: Advance, Epoch: 4}, {Kind: Remove, Member: Member{ID: 3}}})
	require.NoError(t, err)
	require.True(t, next.Joint())
	require.Equal(t, uint64(4), next.Leave().Epoch)
	for _, epoch := range []uint64{0, 3, 4} {
		_, err := next.Leave().Apply([]Change{{Kind: Advance, Epoch: epoch}})
		require.ErrorContains(t, err, "epoch 4 was reached")
	}
	require.Zero(t, c.Epoch)
}

// Claim: what is not exactly one valid configuration is refused. Method: cut everywhere, and damage by hand.
func TestDecodeRefusesMalformedInput(t *testing.T) {
	whole := sample().Append(nil)
	for n := range whole {
		_, err := Decode(whole[:n])
		require.ErrorIs(t, err, canon.ErrShort)
	}
	long := Initial([]uint64{1})
	long.Members[0].Info = strings.Repeat("x", MaxInfo+1)
	for name, x := range map[string]struct {
		b    []byte
		want error
	}{
		"version":  {append([]byte{3}, whole[1:]...), errVersion},
		"epoch":    {append([]byte{2, 0}, whole[1:]...), canon.ErrNumber},
		"trailing": {append(whole[:len(whole):len(whole)], 0), canon.ErrTrailing},
		"number":   {[]byte{1, 0x80, 0}, canon.ErrNumber},
		"overlong": {[]byte{1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}, canon.ErrNumber},
		"large":    {[]byte{1, 0xff, 0xff, 0xff, 0xff, 0x7f}, canon.ErrTooLarge},
		"members":  {[]byte{1, 0, MaxMembers + 1}, canon.ErrTooLarge},
		"flags":    {[]byte{1, 0, 1, 1, 16, 0, 0, 0}, errFlags},
		"info":     {long.Append(nil), canon.ErrTooLarge},
		"nobody":   {Config{}.Append(nil), errNoVoters},
	} {
		_, err := Decode(x.b)
		require.ErrorIs(t, err, x.want, name)
	}
}

// Claim: whatever decodes is valid and encodes to the same bytes. Method: fuzz.
func FuzzDecode(f *testing.F) {
	f.Add(sample().Append(nil))
	f.Add(Initial([]uint64{1, 2, 3}).Append(nil))
	epoch := sample()
	epoch.Epoch = 7
	f.Add(epoch.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := Decode(b)
		if err != nil {
			return
		}
		require.NoError(t, c.Validate())
		require.Equal(t, b, c.Append(nil))
	})
}
