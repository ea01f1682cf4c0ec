package deliver

import "sync"

// damageTold is how much of the damage of the queue and of the dead letters was reported.
type damageTold struct {
	mu          sync.Mutex
	queue, dead int
}

// tellDamage reports each file that was found damaged or removed, once. It has the dead letters looked after as well;
// the queue looks after itself.
func (o *output) tellDamage() {
	_ = o.dead.Check() // whoever adds letters gets the error
	o.damage.mu.Lock()
	defer o.damage.mu.Unlock()
	o.tellTexts(o.queue.Stats().Damage, &o.damage.queue)
	o.tellTexts(o.dead.Stats().Damage, &o.damage.dead)
}

func (o *output) tellTexts(texts []string, told *int) {
	for ; *told < len(texts); *told++ {
		o.tell(Report{Text: texts[*told], Warning: true})
	}
}
