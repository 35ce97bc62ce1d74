"""Layers that somebody edits at random: what stands in their files, and the edits that keep them valid."""

from dataclasses import dataclass, field
from random import Random

import conftest

# Few, so that what was removed comes back under its old name. Each kind has names of its own: a module that keeps its
# name and becomes one of another kind is refused in the plan, and has to be removed by a deployment of its own first.
NAMES = {
    "aws-sqs": ("alder", "birch", "cedar", "elm"),
    "aws-sns": ("fir", "hazel"),
    "aws-s3": ("larch", "maple"),
    "aws-iam-role": ("rowan", "willow"),
}
MOST = 5
SERVICES = ("events.amazonaws.com", "lambda.amazonaws.com", "ecs-tasks.amazonaws.com")
PERMISSIONS = {"aws-sqs": ("publish", "subscribe"), "aws-sns": ("publish",), "aws-s3": ("read", "write")}


@dataclass
class Module:
    """A module: its kind, its inputs, and the modules of its layer that it refers to."""

    kind: str
    inputs: dict
    refers: dict[str, str] = field(default_factory=dict)

    def lines(self, name: str) -> list[str]:
        found = [f"  - name: {name}", f"    type: {self.kind}"]
        found += [f"    {input_}: {value}" for input_, value in sorted(self.inputs.items())]
        if self.refers and self.kind == "aws-sns":
            queues = ", ".join(f'"${{{{module.{queue}.queue_arn}}}}"' for queue in sorted(self.refers))
            found.append(f"    sqs_subscribers: [{queues}]")
        elif self.refers:
            found += ["    links:", *(f"      - {one}: [{word}]" for one, word in sorted(self.refers.items()))]
        return found


@dataclass
class Layer:
    """A layer as its owner wants it. Without an environment it is one."""

    name: str
    draw: Random
    environment: str | None = None
    modules: dict[str, Module] = field(default_factory=dict)
    alive: bool = False
    version: int = 0
    buckets: int = 0

    @property
    def key(self) -> str:
        return f"soak/{self.name}.yaml"

    def text(self, account: str) -> str:
        """The file. Its last line makes each upload another object."""
        lines = [line for name, module in self.modules.items() for line in module.lines(name)]
        modules = "modules:\n" + "\n".join(lines) if lines else "modules: []"
        if self.environment:
            text = conftest.service(self.name, f"{self.environment}.yaml", "soak", modules)
        else:
            text = conftest.environment(self.name, modules).replace(conftest.ACCOUNT, account)
        return f"{text}# {self.version}\n"

    def edit(self) -> str:
        """Makes an edit and says which."""
        self.version += 1
        choices = [self.same]
        if len(self.modules) < MOST:
            choices += [self.add] * 3
        if self.modules:
            choices += [self.remove, self.change, self.change, self.change]
        if any(self.free(module.kind) for module in self.modules.values()):
            choices += [self.rename]
        if any(self.targets(name) for name in self.modules):
            choices += [self.link] * 2
        return self.draw.choice(choices)()

    def same(self) -> str:
        return "same"

    def add(self) -> str:
        kind = self.draw.choice([kind for kind in NAMES if self.free(kind)])
        name = self.draw.choice(self.free(kind))
        self.modules[name] = Module(kind, self.inputs(kind))
        return "add"

    def remove(self) -> str:
        self.forget(self.draw.choice(sorted(self.modules)))
        return "remove"

    def rename(self) -> str:
        """Under another name it is another module; those that refer to it follow."""
        old = self.draw.choice([name for name in sorted(self.modules) if self.free(self.modules[name].kind)])
        module = self.modules[old]
        new = self.draw.choice(self.free(module.kind))
        if module.kind == "aws-s3":
            # Its name belongs to the old module until that is gone.
            module.inputs["bucket_name"] = self.bucket()
        self.modules = {new if name == old else name: one for name, one in self.modules.items()}
        for one in self.modules.values():
            if old in one.refers:
                one.refers[new] = one.refers.pop(old)
        return "rename"

    def change(self) -> str:
        module = self.modules[self.draw.choice(sorted(self.modules))]
        bucket = module.inputs.get("bucket_name")
        module.inputs = self.inputs(module.kind)
        # Now and then another name, which replaces the bucket.
        if bucket and self.draw.random() < 0.7:
            module.inputs["bucket_name"] = bucket
        return "change"

    def link(self) -> str:
        """Links a module to another one, or takes the link away."""
        module = self.draw.choice([name for name in sorted(self.modules) if self.targets(name)])
        target = self.draw.choice(self.targets(module))
        refers = self.modules[module].refers
        if refers.pop(target, None) is None:
            refers[target] = self.draw.choice(PERMISSIONS[self.modules[target].kind])
        return "link"

    def free(self, kind: str) -> list[str]:
        """Names that a module of a kind may get."""
        return [name for name in NAMES[kind] if name not in self.modules]

    def forget(self, name: str) -> None:
        del self.modules[name]
        for one in self.modules.values():
            one.refers.pop(name, None)

    def targets(self, name: str) -> list[str]:
        """What a module may refer to: queues subscribe to topics, roles use everything else."""
        kinds = {"aws-sns": ("aws-sqs",), "aws-iam-role": tuple(PERMISSIONS)}.get(self.modules[name].kind, ())
        return [other for other in sorted(self.modules) if self.modules[other].kind in kinds]

    def inputs(self, kind: str) -> dict:
        draw = self.draw
        if kind == "aws-sqs":
            return {"delay_seconds": draw.randrange(900), "message_retention_seconds": draw.choice([600, 86400, 1209600])}
        if kind == "aws-s3":
            origins = "{ allowed_origins: ['https://example.com'], allowed_methods: [GET] }"
            return {"bucket_name": self.bucket()} | ({"cors_rule": origins} if draw.random() < 0.5 else {})
        if kind == "aws-iam-role":
            chosen = sorted(draw.sample(SERVICES, draw.randint(1, len(SERVICES))))
            return {"allowed_services": f"[{', '.join(chosen)}]"}
        return {}

    def bucket(self) -> str:
        """A name that no bucket of this layer has or had, so that a bucket never waits for another one to go."""
        self.buckets += 1
        return f"lf-soak-{self.name}-{self.buckets}"
