"""Traffic as an app makes it: asks for a prediction, acts on it, and tells the reward later."""

from __future__ import annotations

import heapq
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from learners import Learner

from serving.client import Client

THREADS = 4
MODEL, EXPERIMENT = "retention", "new_model"
LATEST = 8.0
"""Seconds until the last reward of a learner arrives; the experiment's window is longer."""


@dataclass
class Seen:
    """What the app has seen.

    Attributes:
        arms: Arm → learners.
        came_back: Arm → those who came back.
        chances: Arm → sum of the true chances, which only the simulation knows.
        receipts: What became of the rewards.
        errors: Requests that failed.
    """

    arms: Counter[str] = field(default_factory=Counter)
    came_back: Counter[str] = field(default_factory=Counter)
    chances: Counter[str] = field(default_factory=Counter)
    receipts: Counter[str] = field(default_factory=Counter)
    errors: int = 0

    def true_rate(self, arm: str) -> float:
        """Returns the true mean chance of coming back, over the learners that an arm served."""
        return self.chances[arm] / max(1, self.arms[arm])


class App:
    """The app's servers: a few threads that share a stream of learners.

    Args:
        address: REST address of the router.
        learners: Who opens the app.
        per_second: Learners a second, over all threads.
    """

    def __init__(self, address: str, learners: Iterator[Learner], per_second: float) -> None:
        self.seen = Seen()
        self._address, self._learners, self._pause = address, learners, THREADS / per_second
        self._lock, self._over = threading.Lock(), threading.Event()
        self._rewards: list[tuple[float, str, bool]] = []
        self._threads = [
            threading.Thread(target=self._ask),
            *(threading.Thread(target=self._ask) for _ in range(THREADS - 1)),
        ]
        self._threads.append(threading.Thread(target=self._tell))

    def start(self) -> None:
        """Opens the doors."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> Seen:
        """Closes them; rewards that are due later are not told any more."""
        self._over.set()
        for thread in self._threads:
            thread.join()
        return self.seen

    def _ask(self) -> None:
        with Client(self._address) as client:
            while not self._over.is_set():
                began = time.monotonic()
                with self._lock:
                    learner = next(self._learners, None)
                if learner is None:
                    return
                self._serve(client, learner)
                self._over.wait(max(0.0, self._pause - (time.monotonic() - began)))

    def _serve(self, client: Client, learner: Learner) -> None:
        answer = client.predict(MODEL, [learner.features], unit=learner.unit)
        probability = float(answer.output.reshape(-1)[0])
        arm = answer.arm.name if answer.arm else "none"
        comes_back = learner.comes_back(probability)
        with self._lock:
            self.seen.arms[arm] += 1
            self.seen.chances[arm] += learner.chance(probability)
            self.seen.came_back[arm] += comes_back
            if comes_back:  # One who stays away tells nobody.
                heapq.heappush(self._rewards, (time.monotonic() + LATEST * learner.hurry, learner.unit, True))

    def _tell(self) -> None:
        with Client(self._address) as client:
            while not self._over.wait(0.01):
                for unit in self._due():
                    receipt = client.reward(EXPERIMENT, 1, unit=unit)
                    with self._lock:
                        self.seen.receipts[receipt.status] += 1

    def _due(self) -> list[str]:
        due = []
        with self._lock:
            while self._rewards and self._rewards[0][0] <= time.monotonic():
                due.append(heapq.heappop(self._rewards)[1])
        return due


def wait_for(done: Callable[[], bool], seconds: float, every: float = 1.0) -> bool:
    """Waits until something is true; returns whether it became so in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if done():
            return True
        time.sleep(every)
    return done()
