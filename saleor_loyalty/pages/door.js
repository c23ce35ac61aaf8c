(() => {
  const part = document.getElementById("camera");
  if (!part || !("BarcodeDetector" in window) || !navigator.mediaDevices) return;
  const [button, video] = part.children, field = document.getElementById("code");
  part.hidden = false;
  button.onclick = async () => {
    const detector = new BarcodeDetector({ formats: ["qr_code"] });
    try {
      video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    } catch {
      part.hidden = true;
      return field.focus();
    }
    button.hidden = true;
    video.hidden = false;
    await video.play();
    const look = async () => {
      const [found] = await detector.detect(video).catch(() => []);
      if (!found) return setTimeout(look, 150);
      video.srcObject.getTracks().forEach((track) => track.stop());
      field.value = found.rawValue;
      field.form.submit();
    };
    look();
  };
})();
