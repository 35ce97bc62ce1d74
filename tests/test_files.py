"""Files that travel with a layer: what is in the folder is deployed, and what left it is deployed no more."""

from conftest import ACCOUNT, environment


def test_a_file_that_is_removed_here_is_removed_there(landfall, tmp_path):
    layer = landfall.name("site")
    bucket = f"lf-{layer}-{ACCOUNT}"
    file, site = tmp_path / f"{layer}.yaml", tmp_path / "site"
    module = f"modules:\n  - {{name: web, type: s3, bucket_name: {bucket}, files: site}}"
    file.write_text(environment(layer, module))
    (site / "css").mkdir(parents=True)
    (site / "index.html").write_text("hello")
    (site / "css/a.css").write_text("body {}")
    (tmp_path / "site-old").mkdir()
    beside = landfall.s3.put_object(Bucket=landfall.installation.bucket, Key="site-old/kept.txt", Body=b"kept")
    assert beside
    deploy = ["deploy", str(file), "--yes"]

    def deployed() -> set[str]:
        return {entry["Key"] for entry in landfall.s3.list_objects_v2(Bucket=bucket).get("Contents", [])}

    landfall.installation.landfall(*deploy)
    assert deployed() == {"index.html", "css/a.css"}
    (site / "css/a.css").unlink()
    landfall.installation.landfall(*deploy)
    assert deployed() == {"index.html"}
    # A folder whose name only begins alike is somebody else's.
    assert landfall.s3.head_object(Bucket=landfall.installation.bucket, Key="site-old/kept.txt")
