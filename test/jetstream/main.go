// Jetstream measures whether the file store of an embedded nats-server could hold the alerts that wait for a sink:
// speed with every acknowledgment on disk, damage by one flipped bit, a full disk, a failing fsync. The comment of
// package queue quotes its figures. It is a module of its own, so that the server is no dependency of the program.
//
//	go run . speed | go run . damage | go run . full DIRECTORY
//	strace -f -o /dev/null -e trace=fsync -e inject=fsync:error=EIO:when=20+ ./jetstream fsync
//
// full wants an empty directory of its own on a file system of about 24 MB, such as
// mount -t tmpfs -o size=24m tmpfs DIRECTORY.
package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return errors.New("say what to measure: speed, damage, full DIRECTORY or fsync")
	}
	dir, err := os.MkdirTemp("", "jetstream")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	switch {
	case args[0] == "speed":
		return speed(dir)
	case args[0] == "damage":
		return damage(dir)
	case args[0] == "full" && len(args) == 2:
		return full(args[1])
	case args[0] == "fsync":
		return failing(dir)
	}
	return fmt.Errorf("%q is nothing to measure", args[0])
}

// store is a server with one work queue.
type store struct {
	server *server.Server
	conn   *nats.Conn
	js     jetstream.JetStream
	stream jetstream.Stream
}

func open(dir string, syncAlways bool) (*store, error) {
	s, err := server.NewServer(&server.Options{
		JetStream: true, StoreDir: dir, DontListen: true, NoSigs: true, SyncAlways: syncAlways, JetStreamMaxStore: 4 << 30,
	})
	if err != nil {
		return nil, err
	}
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		return nil, errors.New("the server does not start")
	}
	conn, err := nats.Connect("", nats.InProcessServer(s))
	if err != nil {
		return nil, err
	}
	js, err := jetstream.New(conn)
	if err != nil {
		return nil, err
	}
	stream, err := js.CreateOrUpdateStream(context.Background(), jetstream.StreamConfig{
		Name: "Q", Subjects: []string{"q"}, Storage: jetstream.FileStorage, Retention: jetstream.WorkQueuePolicy,
	})
	return &store{s, conn, js, stream}, err
}

func (s *store) close() {
	s.conn.Close()
	s.server.Shutdown()
	s.server.WaitForShutdown()
}

// payload is message n: 1 KB.
func payload(n int) []byte {
	b := make([]byte, 1024)
	rand.New(rand.NewSource(int64(n))).Read(b)
	return b
}

// publish sends n messages, window of them at once, and gives how many were acknowledged.
func (s *store) publish(n, window int) (acked int, err error) {
	for first := 0; first < n; first += window {
		var futures []jetstream.PubAckFuture
		for i := first; i < min(first+window, n); i++ {
			f, err := s.js.PublishAsync("q", payload(i))
			if err != nil {
				return acked, err
			}
			futures = append(futures, f)
		}
		for _, f := range futures {
			select {
			case <-f.Ok():
				acked++
			case err = <-f.Err():
			case <-time.After(3 * time.Second):
				err = errors.New("no answer for 3 seconds")
			}
		}
		if err != nil {
			return acked, err
		}
	}
	return acked, nil
}

func speed(dir string) error {
	for _, c := range []struct {
		always    bool
		n, window int
	}{{true, 4000, 1}, {true, 4000, 100}, {true, 4000, 400}, {false, 100_000, 400}} {
		sub := filepath.Join(dir, fmt.Sprint(c))
		s, err := open(sub, c.always)
		if err != nil {
			return err
		}
		start := time.Now()
		acked, err := s.publish(c.n, c.window)
		if err != nil {
			return err
		}
		fmt.Printf("sync always %v, %d at once: %.0f acknowledged/s\n", c.always, c.window, float64(acked)/time.Since(start).Seconds())
		s.close()
	}
	return nil
}

// damage flips one bit in the message file of a store that was closed, once with its index file as it was and once
// without, as after a crash before the index was written.
func damage(dir string) error {
	const messages, trials = 3000, 30
	original := filepath.Join(dir, "original")
	s, err := open(original, true)
	if err != nil {
		return err
	}
	if _, err := s.publish(messages, 100); err != nil {
		return err
	}
	s.close()
	random := rand.New(rand.NewSource(1))
	for _, index := range []bool{true, false} {
		var lost []int
		silent := 0
		for range trials {
			trial := filepath.Join(dir, "trial")
			if err := errors.Join(os.RemoveAll(trial), os.CopyFS(trial, os.DirFS(original)), flip(trial, index, random)); err != nil {
				return err
			}
			s, err := open(trial, true)
			if err != nil {
				return err
			}
			there := 0
			for n := range messages {
				if m, err := s.stream.GetMsg(context.Background(), uint64(n+1)); err == nil && slices.Equal(m.Data, payload(n)) {
					there++
				}
			}
			info, err := s.stream.Info(context.Background())
			if err != nil {
				return err
			}
			lost = append(lost, messages-there)
			if there < int(info.State.Msgs) {
				silent++
			}
			s.close()
		}
		slices.Sort(lost)
		fmt.Printf("one bit flipped, index file kept %v: of %d messages lost %d (median), %d (most); counted as present all the same in %d of %d trials\n",
			index, messages, lost[trials/2], lost[trials-1], silent, trials)
	}
	return nil
}

func flip(dir string, index bool, random *rand.Rand) error {
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case filepath.Base(path) == "index.db" && !index:
			return os.Remove(path)
		case filepath.Ext(path) != ".blk":
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil || len(b) == 0 {
			return err
		}
		bit := random.Intn(8 * len(b))
		b[bit/8] ^= 1 << (bit % 8)
		return os.WriteFile(path, b, 0o600)
	})
}

// full fills a small file system that a ballast file makes smaller, then takes the ballast away.
func full(dir string) error {
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 12<<20), 0o600); err != nil {
		return err
	}
	s, err := open(filepath.Join(dir, "store"), true)
	if err != nil {
		return err
	}
	acked, err := s.publish(200_000, 100)
	fmt.Printf("full after %d acknowledged: %v\n", acked, err)
	if err := os.Remove(ballast); err != nil {
		return err
	}
	for try := 1; try <= 10; try++ {
		if _, err = s.publish(10, 1); err == nil {
			fmt.Printf("takes messages again at try %d\n", try)
			return nil
		}
		time.Sleep(time.Second)
	}
	fmt.Printf("room for 10 seconds and more, and still: %v\n", err)
	return nil
}

func failing(dir string) error {
	s, err := open(dir, true)
	if err != nil {
		return err
	}
	for range 5 {
		acked, err := s.publish(10, 1)
		fmt.Printf("acknowledged %d of 10: %v\n", acked, err)
	}
	return nil
}
