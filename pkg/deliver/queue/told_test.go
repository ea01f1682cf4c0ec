package queue

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/saker-security/saker/internal/faultfs"
)

// Damage that was done while no process had the queue is told when it is opened, with what it costs, and every lost
// record is counted.
func TestDamageIsTold(t *testing.T) {
	const file = "/q/0-00000000000000000001.log"
	random := func(n int) []byte {
		b := make([]byte, n)
		source := rand.New(rand.NewPCG(1, 2))
		for i := range b {
			b[i] = byte(source.Uint32())
		}
		return b
	}
	for name, damage := range map[string]func(fs *faultfs.FS, data []byte){
		"empty":   func(fs *faultfs.FS, _ []byte) { fs.Put(file, nil) },
		"cut":     func(fs *faultfs.FS, data []byte) { fs.Put(file, data[:len(data)/2]) },
		"zeros":   func(fs *faultfs.FS, data []byte) { clear(data[len(data)/2:]); fs.Put(file, data) },
		"random":  func(fs *faultfs.FS, data []byte) { fs.Put(file, random(len(data))) },
		"removed": func(fs *faultfs.FS, _ []byte) { _ = fs.Remove(file) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, fs *faultfs.FS) {
				o := Options{FS: fs, Dir: "/q", Settings: Settings{Policy: OldestFirst}}
				q := open(t, o)
				add(t, q, 0, 100, 100)
				commit(t, q)
				_, seqs := take(t, q, 10)
				q.Ack(seqs[:5]...)
				time.Sleep(2 * savePause)
				killed := fs.Kill()
				_ = q.Close()
				damage(killed, killed.Get(file))
				o.FS = killed
				q = open(t, o)
				defer q.Close()
				s := q.Stats()
				if s.Recovered != 95 || len(s.Damage) == 0 || !strings.Contains(fmt.Sprint(s.Damage), " alerts are lost that were on disk: ") {
					t.Errorf("%+v", s)
				}
				time.Sleep(time.Second)
				rest := drain(t, q)
				for q.Stats().Records > 0 {
					time.Sleep(time.Second)
				}
				balanced(t, q)
				if s = q.Stats(); s.Dropped[Damaged] == 0 || len(rest)+int(s.Dropped[Damaged]) != 95 {
					t.Errorf("%d given out, %+v", len(rest), s)
				}
				add(t, q, 100, 110, 100)
				commit(t, q)
				if got := drain(t, q); len(got) != 10 || number(got[0]) != 100 {
					t.Errorf("%d given out", len(got))
				}
				balanced(t, q)
			})
		})
	}
}

// What a process leaves that is killed or loses power is no damage.
func TestNoDamageIsTold(t *testing.T) {
	bubble(t, func(t *testing.T, fs *faultfs.FS) {
		o := Options{FS: fs, Dir: "/q", SegmentBytes: 4 << 10}
		for round := range 20 {
			q := open(t, o)
			if s := q.Stats(); len(s.Damage) > 0 || s.DamagedBytes > 0 {
				t.Fatalf("round %d: %+v", round, s)
			}
			add(t, q, 0, 30, 100)
			commit(t, q)
			_, seqs := take(t, q, 10+round)
			q.Ack(seqs[3:]...)
			time.Sleep(time.Duration(round) * 200 * time.Millisecond)
			add(t, q, 30, 31, 100)
			if round%2 == 0 {
				o.FS = fs.Safe()
			} else {
				o.FS = fs.Kill()
			}
			_ = q.Close()
			fs = o.FS.(*faultfs.FS)
		}
	})
}
