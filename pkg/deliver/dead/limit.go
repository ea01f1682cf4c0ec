package dead

// Limit changes how many bytes the letters may take. The oldest that are beyond it are dropped and counted.
func (s *Store) Limit(maxBytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.maxBytes = maxBytes
	if s.closed {
		return
	}
	s.forgetOnDisk(s.makeRoom(0))
	s.compactIfWorth()
}
