"""`ModelStore`: models whole or not at all, and never one that was changed."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from shared.adapters.model_dir import ModelDir
from shared.domain.errors import InvalidValueError
from shared.domain.forecast import Target
from shared.ports.errors import CorruptError, NotFoundError, UnavailableError
from shared.ports.model_store import POOL, ModelManifest, Promotion
from tests.contract.implementations import MODEL_STORES, fixtures_of
from tests.factories import NOON, a_site

opened, store = fixtures_of(MODEL_STORES)

KEY = {"owner": "home", "target": Target.LOAD}
FILES = {"q50.ubj": b"{\x00\xff", "offsets.json": b"[1, 2]"}


def a_manifest(version: str = "v1", **changes) -> ModelManifest:
    values = {
        **KEY,
        "model_name": "quantile_gradient_boosting",
        "model_version": version,
        "trained_at": NOON,
        "data_start": NOON - timedelta(days=60),
        "data_end": NOON,
        "catalog_version": "c1",
        "features": ("load_lag_1d", "hour"),
        "metrics": {"pinball_loss_kw": 0.1, "skill": 0.30000000000000004},
    }
    return ModelManifest(**(values | changes))


def a_promotion(version: str | None = "v1", **changes) -> Promotion:
    return Promotion(**({"model_version": version, "promoted_at": NOON, "reason": "better than median_7d"} | changes))


def test_a_model_is_loaded_as_it_was_saved(store):
    saved = store.save(a_manifest(), FILES)
    assert sorted(saved.sha256) == sorted(FILES)
    loaded = store.load(**KEY, model_version="v1")
    assert loaded.manifest == saved
    assert loaded.files == FILES


def test_saving_the_same_version_again_changes_nothing(store):
    first = store.save(a_manifest(), FILES)
    assert store.save(a_manifest(trained_at=NOON + timedelta(days=1)), FILES) == first
    assert store.versions(**KEY) == [first]


def test_one_version_cannot_mean_two_models(store):
    store.save(a_manifest(), FILES)
    with pytest.raises(InvalidValueError, match="v1"):
        store.save(a_manifest(), {"q50.ubj": b"other"})
    assert store.load(**KEY, model_version="v1").files == FILES


def test_versions_come_newest_first_and_by_target(store):
    for number, version in enumerate(("b", "a", "c")):
        store.save(a_manifest(version, trained_at=NOON + timedelta(days=number)), FILES)
    store.save(a_manifest("sun", target=Target.SOLAR), FILES)
    assert [manifest.model_version for manifest in store.versions(**KEY)] == ["c", "a", "b"]
    assert store.versions(owner="nobody", target=Target.LOAD) == []


def test_the_champion_is_whom_we_promoted(store):
    assert store.champion(**KEY) is None
    for version in ("v1", "v2"):
        store.save(a_manifest(version), FILES)
    assert store.champion(**KEY) is None
    store.promote(**KEY, promotion=a_promotion("v2"))
    store.promote(**KEY, promotion=a_promotion("v1"))
    assert store.champion(**KEY) == "v1"
    assert store.champion(owner="home", target=Target.SOLAR) is None


def test_every_promotion_is_remembered_with_its_moment_and_reason(store):
    assert store.promotions(**KEY) == []
    for version in ("v1", "v2"):
        store.save(a_manifest(version), FILES)
    history = [
        a_promotion("v1"),
        a_promotion("v2", promoted_at=NOON + timedelta(days=1)),
        a_promotion(None, promoted_at=NOON + timedelta(days=2), reason="worse than median_7d: it was 12 % \u00fc\nof late"),
        a_promotion("v1", promoted_at=NOON + timedelta(days=3)),
    ]
    for number, promotion in enumerate(history):
        store.promote(**KEY, promotion=promotion)
        assert store.promotions(**KEY) == history[: number + 1]
        assert store.champion(**KEY) == promotion.model_version
    assert store.promotions(owner="home", target=Target.SOLAR) == []


def test_a_deleted_version_is_gone_and_its_promotions_are_remembered(store):
    for version in ("v1", "v2"):
        store.save(a_manifest(version), FILES)
        store.promote(**KEY, promotion=a_promotion(version))
    for _ in range(2):
        store.delete(**KEY, model_version="v1")
        assert [manifest.model_version for manifest in store.versions(**KEY)] == ["v2"]
    with pytest.raises(NotFoundError, match="v1"):
        store.load(**KEY, model_version="v1")
    assert store.promotions(**KEY) == [a_promotion("v1"), a_promotion("v2")]
    store.save(a_manifest("v1"), FILES)
    assert store.load(**KEY, model_version="v1").files == FILES


def test_the_champion_cannot_be_deleted(store):
    store.save(a_manifest("v1"), FILES)
    store.promote(**KEY, promotion=a_promotion("v1"))
    with pytest.raises(InvalidValueError, match=r"v1.*promote another"):
        store.delete(**KEY, model_version="v1")
    assert store.champion(**KEY) == "v1"
    store.promote(**KEY, promotion=a_promotion(None))
    store.delete(**KEY, model_version="v1")
    assert store.versions(**KEY) == []


def test_what_an_owner_had_is_forgotten_whole_and_others_keep_theirs(store):
    assert store.owners() == []
    for owner in ("home", "cottage", POOL):
        store.save(a_manifest("v1", owner=owner), FILES)
        store.promote(owner=owner, target=Target.LOAD, promotion=a_promotion("v1"))
    assert store.owners() == sorted(["home", "cottage", POOL])
    for _ in range(2):
        store.forget("home")
        assert store.owners() == sorted(["cottage", POOL])
    assert store.versions(**KEY) == []
    assert store.promotions(**KEY) == []
    store.save(a_manifest("v1"), FILES)
    assert store.champion(**KEY) is None
    assert store.champion(owner="cottage", target=Target.LOAD) == "v1"
    with pytest.raises(InvalidValueError, match="owner"):
        store.forget("../home")


def test_the_pool_owns_models_beside_those_of_sites(store):
    pool = {"owner": POOL, "target": Target.LOAD}
    store.save(a_manifest("v1"), FILES)
    store.save(a_manifest("p1", owner=POOL), FILES)
    store.promote(**pool, promotion=a_promotion("p1"))
    assert store.champion(**pool) == "p1"
    assert store.champion(**KEY) is None
    assert [manifest.model_version for manifest in store.versions(**pool)] == ["p1"]


def test_no_site_can_be_the_pool():
    with pytest.raises(InvalidValueError, match=POOL):
        a_site(site_id=POOL)


@pytest.mark.parametrize("owner", ["..", "a/b", "", "_other", ".incoming"])
def test_an_owner_that_is_neither_site_nor_pool_is_refused(store, owner):
    with pytest.raises(InvalidValueError, match="owner"):
        store.save(a_manifest(owner=owner), FILES)


def test_an_unknown_version_is_not_found(store):
    with pytest.raises(NotFoundError, match="v9"):
        store.load(**KEY, model_version="v9")
    with pytest.raises(NotFoundError, match="v9"):
        store.promote(**KEY, promotion=a_promotion("v9"))
    assert store.champion(**KEY) is None


@pytest.mark.parametrize(
    "name", ["model.pkl", "../evil.json", "/etc/evil.json", "a/b.json", ".json", "", "manifest.json", "x.json\n", "x.JSON"]
)
def test_only_plain_names_of_json_and_ubj_files_are_taken(store, name):
    with pytest.raises(InvalidValueError, match="model file"):
        store.save(a_manifest(), {name: b"x"})
    assert store.versions(**KEY) == []


@pytest.mark.parametrize("version", ["..", ".", "a/b", "", "../../x"])
def test_a_version_that_is_a_path_is_refused(store, version):
    with pytest.raises(InvalidValueError, match="model_version"):
        store.save(a_manifest(version), FILES)
    with pytest.raises(InvalidValueError, match="model_version"):
        store.load(**KEY, model_version=version)


def test_models_and_champion_are_there_after_a_restart(opened):
    with opened() as first:
        saved = first.save(a_manifest(), FILES)
        first.promote(**KEY, promotion=a_promotion("v1"))
    with opened() as second:
        assert second.champion(**KEY) == "v1"
        assert second.load(**KEY, model_version="v1").manifest == saved


def test_many_savers_of_one_version_make_one_model(store):
    with ThreadPoolExecutor(8) as pool:
        saved = list(pool.map(lambda _: store.save(a_manifest(), FILES), range(16)))
    assert all(manifest == saved[0] for manifest in saved)
    assert store.versions(**KEY) == [saved[0]]


# what follows is about folders


def in_folder(folder: Path) -> tuple[ModelDir, Path]:
    models = ModelDir(folder)
    models.save(a_manifest("v1"), FILES)
    models.save(a_manifest("v2"), FILES)
    models.promote(**KEY, promotion=a_promotion("v1"))
    return models, folder / "home" / "load" / "versions" / "v1"


SPOILS = {
    "a changed file": lambda folder: (folder / "q50.ubj").write_bytes(b"{\x00\xfe"),
    "a missing file": lambda folder: (folder / "q50.ubj").unlink(),
    "a manifest that is no JSON": lambda folder: (folder / "manifest.json").write_bytes(b"\x00"),
    "an empty manifest": lambda folder: (folder / "manifest.json").write_bytes(b""),
    "a manifest that is a list": lambda folder: (folder / "manifest.json").write_bytes(b"[]"),
    "no manifest": lambda folder: (folder / "manifest.json").unlink(),
    "a changed word in the manifest": lambda folder: (folder / "manifest.json").write_text(
        (folder / "manifest.json").read_text().replace("load_lag_1d", "load_lag_2d")
    ),
    "the manifest of another version": lambda folder: (folder / "manifest.json").write_bytes(
        (folder.with_name("v2") / "manifest.json").read_bytes()
    ),
}


@pytest.mark.parametrize("spoil", SPOILS.values(), ids=SPOILS.keys())
def test_a_damaged_model_is_named_set_aside_and_serves_no_more(tmp_path, spoil):
    models, folder = in_folder(tmp_path)
    spoil(folder)
    with pytest.raises(CorruptError, match=r"set aside as .* train") as caught:
        models.load(**KEY, model_version="v1")
    assert Path(caught.value.path).is_dir()
    assert str(folder) in str(caught.value)
    assert not folder.exists()
    assert models.champion(**KEY) is None
    assert [manifest.model_version for manifest in models.versions(**KEY)] == ["v2"]
    with pytest.raises(NotFoundError):
        models.load(**KEY, model_version="v1")


def test_a_model_set_aside_can_be_trained_again(tmp_path):
    models, folder = in_folder(tmp_path)
    SPOILS["a changed file"](folder)
    with pytest.raises(CorruptError):
        models.load(**KEY, model_version="v1")
    models.save(a_manifest("v1"), FILES)
    models.promote(**KEY, promotion=a_promotion("v1"))
    assert models.load(**KEY, model_version="v1").files == FILES


@pytest.mark.parametrize("content", [b"\n", b"[]\n", b'{"model_version": "v1"}\n', b'{"model_version": "../x"}\n', b"\xff\n"])
def test_a_damaged_history_is_named_and_set_aside(tmp_path, content):
    models, _ = in_folder(tmp_path)
    history = tmp_path / "home" / "load" / "promotions.jsonl"
    content = history.read_bytes() + content
    history.write_bytes(content)
    with pytest.raises(CorruptError, match=r"promotions\.jsonl") as caught:
        models.champion(**KEY)
    assert Path(caught.value.path).read_bytes() == content
    assert models.champion(**KEY) is None
    models.promote(**KEY, promotion=a_promotion("v2"))
    assert models.champion(**KEY) == "v2"


@pytest.mark.parametrize("torn", [b"{", b'{"model_version": "v2", "promo', b"\xff"])
def test_a_promotion_that_a_crash_cut_short_never_happened(tmp_path, torn):
    models, _ = in_folder(tmp_path)
    history = tmp_path / "home" / "load" / "promotions.jsonl"
    history.write_bytes(history.read_bytes() + torn)
    assert models.champion(**KEY) == "v1"
    models.promote(**KEY, promotion=a_promotion("v2"))
    assert models.promotions(**KEY) == [a_promotion("v1"), a_promotion("v2")]


def test_a_model_from_before_there_were_owners_belongs_to_its_site(tmp_path):
    models, folder = in_folder(tmp_path)
    manifest = folder / "manifest.json"
    words = json.loads(manifest.read_text())
    words["site_id"] = words.pop("owner")
    del words["manifest_sha256"]
    words["manifest_sha256"] = hashlib.sha256(json.dumps(words, sort_keys=True).encode()).hexdigest()
    manifest.write_text(json.dumps(words))
    assert models.load(**KEY, model_version="v1").manifest == models.save(a_manifest("v1"), FILES)


def test_saving_leaves_nothing_but_the_model(tmp_path):
    in_folder(tmp_path)
    files = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    versions = [f"home/load/versions/{version}/{name}" for version in ("v1", "v2") for name in ("manifest.json", "offsets.json", "q50.ubj")]
    assert files == ["home/load/promotions.jsonl", *versions]


def test_a_folder_that_cannot_be_made_is_one_line_with_a_remedy(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UnavailableError, match="FORECAST_MODEL_DIR"):
        ModelDir(tmp_path / "file").save(a_manifest(), FILES)
