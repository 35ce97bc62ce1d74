"""Of the calls about a key only those that use it, DescribeKey and ListAliases take an alias in the place of its id.
MiniStack takes one everywhere.

Source: https://docs.aws.amazon.com/kms/latest/APIReference/API_GetKeyPolicy.html, KeyId, and those of the others.
"""

from ministack.core.responses import error_response_json
from ministack.services import kms

BY_ID = (
    "_cancel_key_deletion",
    "_disable_key_rotation",
    "_enable_key_rotation",
    "_get_key_policy",
    "_get_key_rotation_status",
    "_list_resource_tags",
    "_put_key_policy",
    "_schedule_key_deletion",
    "_tag_resource",
    "_untag_resource",
    "_update_key_description",
)


def by_id(answer):
    def handle(data):
        key = data.get("KeyId") or ""
        if key.rsplit(":", 1)[-1].startswith("alias/"):
            return error_response_json("NotFoundException", f"Invalid keyId {key}", 400)
        return answer(data)

    return handle


def install() -> None:
    for name in BY_ID:
        setattr(kms, name, by_id(getattr(kms, name)))
